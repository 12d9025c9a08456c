import type { CallId, JobId, RolloutId } from '../kernel/ids.ts';
import type { Journal, Position } from '../journal/journal.ts';
import type { CauseCode, Outcome } from '../outcome/causes.ts';
import type { Task } from '../policy/schema.ts';
import type { Evidence } from '../outcome/evidence.ts';
import type { Sandbox, SandboxHandle } from '../sandbox/sandbox.ts';
import { CallLock } from './call-lock.ts';
import { verdictOf, type Verdict } from './verdict.ts';

export type RolloutState = 'opened' | 'live' | 'displaced' | 'lost' | 'ended';

/** How a rollout came to its end. */
export type EndReason = 'deleted' | 'graded' | 'idle' | 'life' | 'stopped';

/** One call as the rollout remembers it. What was answered stands in the journal, at `position`. */
export interface CallRecord {
  readonly callId: CallId;
  readonly tool: string;
  readonly argumentsSha256: string;
  readonly arrivedAt: number;
  outcome: Outcome | null;
  status: number | null;
  durationMs: number | null;
  position: Position | null;
  /** In `sandbox`, from the intent on: the frame may have been sent. */
  number: number | null;
  /** The engine's id of the sandbox that `number` counts in. */
  sandbox: string | null;
  /** Sandboxes it was sent to. More than one: infrastructure took the earlier ones, and a replay made up for it. */
  attempts: number;
  /** Where its arguments stand; null for a call that never reached a sandbox. */
  intent: Position | null;
}

/** What is known of a call once it has ended. */
export interface SettledCall {
  readonly outcome: Outcome;
  readonly status: number;
  readonly durationMs: number;
  readonly position: Position;
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

/**
 * One rollout: its task, its calls, and the sandbox they run in.
 *
 * States. `opened`: no sandbox yet. `live`: it has one. `displaced`: infrastructure took it, and the next call gets
 * one in which all earlier calls were run again with the same results. `lost`: the sandbox is gone for a cause that
 * sticks, and every further call gets that cause. `ended`: by request, limit or shutdown; calls and verdict stay
 * readable. Before its end by a grader it is sealed: calls under way go on, later ones are late.
 * Transitions: opened → live ⇄ displaced, from each of them → lost → ended; never otherwise backwards.
 * There is never a second sandbox in silence: the verdict names every replay.
 */
export class Rollout {
  readonly id: RolloutId;
  readonly task: Task;
  readonly job: JobId;
  readonly openedAt: number;
  readonly turns: CallLock;
  readonly calls = new Map<CallId, CallRecord>();
  lastActivityAt: number;

  readonly uploads: Upload[] = [];

  #state: RolloutState = 'opened';
  #sandbox: Sandbox | null = null;
  #handle: SandboxHandle | null = null;
  #displacement: Displacement | null = null;
  #recoveries = 0;
  #lossCause: CauseCode | null = null;
  #endReason: EndReason | null = null;
  readonly #clientFaults: CauseCode[] = [];
  /** The calls that came before the seal; null while there is none. */
  #beforeSeal: ReadonlySet<CallRecord> | null = null;
  #lastNumber = 0;

  constructor(options: { id: RolloutId; task: Task; job: JobId; openedAt: number }) {
    this.id = options.id;
    this.task = options.task;
    this.job = options.job;
    this.openedAt = options.openedAt;
    this.lastActivityAt = options.openedAt;
    this.turns = new CallLock(options.task.policy.parallel_calls);
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
  get endReason(): EndReason | null {
    return this.#endReason;
  }
  /** Whether a command of the model may have run in its sandbox. */
  get hasRun(): boolean {
    return this.calls.values().some(({ outcome }) => outcome !== null && outcome.executed !== 'no');
  }
  get busy(): boolean {
    return this.calls.values().some((call) => call.outcome === null);
  }
  get verdict(): Verdict {
    const calls = this.calls.values().map(({ outcome, attempts }) => ({
      cause: outcome?.cause ?? null,
      recovered: attempts > 1,
    }));
    const refused = this.#clientFaults.map((cause) => ({ cause, recovered: false }));
    return verdictOf([...calls, ...refused], this.#lossCause, this.#recoveries);
  }

  /** A request that the caller got wrong. It counts: the model saw an error that wasn't its own. */
  noteClientFault(cause: CauseCode): void {
    this.#clientFaults.push(cause);
  }

  /** A call that arrived, in order of arrival. */
  enter(callId: CallId, tool: string, argumentsSha256: string, now: number): CallRecord {
    const record: CallRecord = {
      callId,
      tool,
      argumentsSha256,
      arrivedAt: now,
      outcome: null,
      status: null,
      durationMs: null,
      position: null,
      number: null,
      sandbox: null,
      attempts: 0,
      intent: null,
    };
    this.calls.set(callId, record);
    this.lastActivityAt = now;
    return record;
  }

  /** The call's ending, once it is durable. */
  settle(record: CallRecord, ending: SettledCall, now: number): void {
    Object.assign(record, ending);
    this.lastActivityAt = now;
  }

  /** From now on calls are late. Those under way are not touched. Sealing again changes nothing. */
  seal(): void {
    this.#beforeSeal ??= new Set(this.calls.values());
  }

  isLate(record: CallRecord): boolean {
    return this.#beforeSeal !== null && !this.#beforeSeal.has(record);
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
  claim(sandbox: Sandbox): void {
    if (this.#state !== 'opened' && this.#state !== 'displaced')
      throw new Error(`rollout ${this.id} is ${this.#state} and can't claim a sandbox`);
    if (this.#state === 'displaced') this.#recoveries += 1;
    this.#displacement = null;
    this.#state = 'live';
    this.#sandbox = sandbox;
    this.#handle = sandbox.handle;
  }

  /** Infrastructure took the sandbox, and it may be rebuilt. */
  displace(displacement: Displacement): void {
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
  lose(cause: CauseCode): void {
    if (this.#state === 'ended' || this.#state === 'lost') return;
    this.#state = 'lost';
    this.#displacement = null;
    this.#lossCause = cause;
    this.#sandbox = null;
  }

  /** No further call is accepted. Returns false where it had ended already. */
  end(reason: EndReason): boolean {
    if (this.#state === 'ended') return false;
    this.#state = 'ended';
    this.#displacement = null;
    this.#endReason = reason;
    this.#sandbox = null;
    return true;
  }

  /** Writes how it ended, with the verdict at that moment. */
  async recordEnd(journal: Journal): Promise<void> {
    const { verdict, reasons, counts } = this.verdict;
    const how = this.#endReason ?? 'stopped';
    await journal.append(
      { type: 'rollout_ended', rollout: this.id, how, verdict, reasons, counts: { ...counts } },
      { durable: true },
    );
  }
}
