import { rolloutKey, type CallId, type JobId, type RolloutId, type RolloutKey } from '../kernel/ids.ts';
import { inRollout, type InRollout } from '../journal/event.ts';
import type { Journal } from '../journal/journal.ts';
import type { CauseCode } from '../outcome/causes.ts';
import type { Task } from '../policy/schema.ts';
import type { Evidence } from '../outcome/evidence.ts';
import type { Sandbox, SandboxHandle } from '../sandbox/sandbox.ts';
import { Call, type ArrivedCall } from './call.ts';
import { CallLock } from './call-lock.ts';
import { RunningTime } from './running-time.ts';
import { EMPTY_TALLY, judgeTally, tallyWith, type Tally, type Verdict } from './verdict.ts';

export type RolloutState = 'opened' | 'live' | 'displaced' | 'lost' | 'ended';

/** How a rollout came to its end. */
export type EndReason = 'deleted' | 'graded' | 'idle' | 'life' | 'stopped';

/** The end of a rollout; of `life` with how long it lived, and for how much of that its commands ran. */
export interface RolloutEnd {
  readonly how: EndReason;
  readonly lifeMs?: number;
  readonly commandsMs?: number;
}

/** A file that a caller put into the sandbox; `number` is its place among the calls. */
export interface Upload {
  readonly number: number;
  readonly path: string;
  readonly sha256: string;
}

/** How the sandbox was lost that is to be rebuilt. */
export interface Displacement {
  readonly cause: CauseCode;
  readonly evidence: Evidence;
}

export interface RolloutOptions {
  readonly id: RolloutId;
  /** The job that its requests name; absent where they name none. */
  readonly namedJob?: JobId | undefined;
  readonly task: Task;
  readonly job: JobId;
  readonly openedAt: number;
  /** Opened while records were missing: it may have had an earlier life that nobody remembers. */
  readonly unsure?: boolean;
  /** Calls that are counted in the verdict index and no longer held here. */
  readonly earlier?: { readonly tally: Tally; readonly recoveries: number } | undefined;
}

/**
 * One rollout: its task, its calls, and the sandbox they run in.
 *
 * States. `opened`: no sandbox yet. `live`: it has one. `displaced`: infrastructure took it, and the next call gets
 * one in which all earlier calls were run again with the same results. `lost`: the sandbox is gone for a cause that
 * sticks, and every further call gets that cause. `ended`: by request, limit or shutdown; calls and verdict stay
 * readable. Before its end by a grader it is sealed: calls under way go on, later ones are late.
 * Transitions: opened → live ⇄ displaced, from each of them → lost → ended; never otherwise backwards.
 * A sandbox is never replaced unannounced: the verdict names every replay.
 */
export class Rollout {
  readonly id: RolloutId;
  readonly task: Task;
  /** For fairness and reports: the named job, else the task. */
  readonly job: JobId;
  readonly key: RolloutKey;
  /** How events name it. */
  readonly ref: InRollout & { readonly rollout: RolloutId };
  readonly unsure: boolean;
  readonly openedAt: number;
  /** Held by a call or a file transfer until its result is durable. */
  readonly callLock: CallLock;
  /** In order of arrival, by `Call.callId`. */
  readonly calls = new Map<CallId, Call>();
  lastActivityAt: number;

  readonly uploads: Upload[] = [];
  /** How long commands of its calls have run, without the time in which infrastructure kept them from it. */
  readonly commandTime = new RunningTime();
  /** How long calls that held the call lock were held up: by infrastructure, a rebuild, or a caller's file transfer. */
  readonly heldUpTime = new RunningTime();

  #state: RolloutState = 'opened';
  #sandbox: Sandbox | null = null;
  #handle: SandboxHandle | null = null;
  #displacement: Displacement | null = null;
  #recoveries = 0;
  #lossCause: CauseCode | null = null;
  #end: RolloutEnd | null = null;
  readonly #clientFaults: CauseCode[] = [];
  /** The last occurrence of each id that the client has used. */
  readonly #latest = new Map<CallId, Call>();
  /** The calls that came before the seal; null while there is none. */
  #beforeSeal: ReadonlySet<Call> | null = null;
  #lastNumber = 0;
  readonly #earlier: Tally | null;

  constructor(options: RolloutOptions) {
    const { id, namedJob, earlier } = options;
    this.id = id;
    this.task = options.task;
    this.job = options.job;
    this.key = rolloutKey(id, namedJob);
    this.ref = inRollout(id, namedJob);
    this.unsure = options.unsure ?? false;
    this.openedAt = options.openedAt;
    this.#earlier = earlier?.tally ?? null;
    this.#recoveries = earlier?.recoveries ?? 0;
    this.lastActivityAt = options.openedAt;
    this.callLock = new CallLock(options.task.policy.parallel_calls);
  }

  get state(): RolloutState {
    return this.#state;
  }
  get sandbox(): Sandbox | null {
    return this.#sandbox;
  }
  /** Of the sandbox, also after its end. */
  get handle(): SandboxHandle | null {
    return this.#handle;
  }
  /** Set exactly while `displaced`. */
  get displacement(): Displacement | null {
    return this.#displacement;
  }
  /** Sandboxes rebuilt so far. */
  get recoveries(): number {
    return this.#recoveries;
  }
  get lossCause(): CauseCode | null {
    return this.#lossCause;
  }
  get end(): RolloutEnd | null {
    return this.#end;
  }
  get endReason(): EndReason | null {
    return this.#end?.how ?? null;
  }
  /** Why no further call can run, or null. A cause that cost the rollout its sandbox comes before how it was ended. */
  get overEvidence(): Evidence | null {
    if (this.#lossCause !== null) return { kind: 'lost_before', cause: this.#lossCause };
    return this.#end === null ? null : { kind: 'rollout_over', ...this.#end };
  }
  /** Whether a command of the model may have run in its sandbox. */
  get hasRun(): boolean {
    return this.calls.values().some(({ ending }) => ending !== null && ending.outcome.executed !== 'no');
  }
  get busy(): boolean {
    return this.calls.values().some(({ ending }) => ending === null);
  }
  /** Its earlier calls are counted in the verdict, and not held here. */
  get hasForgottenCalls(): boolean {
    return this.#earlier !== null;
  }
  get verdict(): Verdict {
    const calls = this.calls.values().map(({ ending, intent }) => ({
      cause: ending?.outcome.cause ?? null,
      recovered: intent !== null && intent.attempts > 1,
    }));
    const refused = this.#clientFaults.map((cause) => ({ cause, recovered: false }));
    const tally = tallyWith(this.#earlier ?? EMPTY_TALLY, [...calls, ...refused]);
    return judgeTally(tally, { end: this.#lossCause, recoveries: this.#recoveries, doubtful: this.unsure });
  }

  /** A request that the caller got wrong. It counts: the model saw an error that wasn't its own. */
  noteClientFault(cause: CauseCode): void {
    this.#clientFaults.push(cause);
  }

  /** The call of this id; where the client has used it for several, the last of them. */
  findCall(clientId: CallId): Call | undefined {
    return this.#latest.get(clientId);
  }

  /** A call that arrived, in order of arrival. An id that was used before gets a further occurrence. */
  enterCall(clientId: CallId, tool: string, argumentsSha256: string, now: number): Call {
    const occurrence = (this.#latest.get(clientId)?.occurrence ?? 0) + 1;
    const callId = this.#freeId(clientId, occurrence);
    this.noteActivity(now);
    return this.addCall({ callId, clientId, occurrence, tool, argumentsSha256 });
  }

  /** Takes in a call as it was recorded. */
  addCall(arrived: Omit<ArrivedCall, 'rollout' | 'namedJob'>): Call {
    const call = new Call({ ...arrived, ...this.ref });
    this.calls.set(call.callId, call);
    this.#latest.set(call.clientId, call);
    return call;
  }

  /** `ID`, then `ID#2` and so on. A client may have used such an id itself: then the next one. */
  #freeId(clientId: CallId, occurrence: number): CallId {
    if (occurrence === 1 && !this.calls.has(clientId)) return clientId;
    for (let suffix = Math.max(2, occurrence); ; suffix += 1) {
      const id = `${clientId}#${String(suffix)}` as CallId;
      if (!this.calls.has(id)) return id;
    }
  }

  /** A call arrived or ended: the idle time begins anew. */
  noteActivity(now: number): void {
    this.lastActivityAt = now;
  }

  /** From now on calls are late. Those under way are not touched. Sealing again changes nothing. */
  seal(): void {
    this.#beforeSeal ??= new Set(this.calls.values());
  }

  isLate(call: Call): boolean {
    return this.#beforeSeal !== null && !this.#beforeSeal.has(call);
  }

  /** The next call number of this rollout's sandbox; never the same twice. */
  nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  /** Numbers up to this one were used before the controller's restart. */
  skipNumbers(used: number): void {
    this.#lastNumber = Math.max(this.#lastNumber, used);
  }

  /** The sandbox is this rollout's from now on. Call after the claim is durable. */
  bindSandbox(sandbox: Sandbox): void {
    if (this.#state !== 'opened' && this.#state !== 'displaced')
      throw new Error(`rollout ${this.id} is ${this.#state} and can't get a sandbox`);
    if (this.#state === 'displaced') this.#recoveries += 1;
    this.#displacement = null;
    this.#state = 'live';
    this.#sandbox = sandbox;
    this.#handle = sandbox.handle;
  }

  /** Infrastructure took the sandbox, and it may be rebuilt. */
  markDisplaced(displacement: Displacement): void {
    if (this.#state !== 'opened' && this.#state !== 'live')
      throw new Error(`rollout ${this.id} is ${this.#state} and can't be displaced`);
    this.#state = 'displaced';
    this.#displacement = displacement;
    this.#sandbox = null;
  }

  /** The sandbox of before the controller's restart, not attached yet. */
  hadSandbox(handle: SandboxHandle): void {
    this.#handle = handle;
  }

  /** Sandboxes that were rebuilt before the controller's restart. */
  skipRecoveries(earlier: number): void {
    this.#recoveries = earlier;
  }

  /** The sandbox can't be used any more. The first cause sticks. */
  markLost(cause: CauseCode): void {
    if (this.#state === 'ended' || this.#state === 'lost') return;
    this.#state = 'lost';
    this.#displacement = null;
    this.#lossCause = cause;
    this.#sandbox = null;
  }

  /** The platform's record of the rollout has tool calls, and none of them ever came. Also after its end. */
  noteCallsNeverArrived(): void {
    this.#lossCause ??= 'calls_never_arrived';
  }

  /** No further call is accepted. Returns false where it had ended already. */
  markEnded(end: RolloutEnd): boolean {
    if (this.#state === 'ended') return false;
    this.#state = 'ended';
    this.#displacement = null;
    this.#end = end;
    this.#sandbox = null;
    return true;
  }

  /** Writes how it ended, with the verdict at that moment. */
  async recordEnd(journal: Journal): Promise<void> {
    const { verdict, reasons, counts } = this.verdict;
    const end = this.#end ?? { how: 'stopped' };
    await journal.append(
      { type: 'rollout_ended', ...this.ref, ...end, verdict, reasons, counts: { ...counts } },
      { durable: true },
    );
  }
}
