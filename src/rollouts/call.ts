import { inRollout, type EventOf, type InRollout } from '../journal/event.ts';
import type { Journal, Position } from '../journal/journal.ts';
import type { CallId, RolloutId } from '../kernel/ids.ts';
import type { Outcome } from '../outcome/causes.ts';
import { RULES } from '../outcome/rules.ts';

/** The sandbox that a call was sent to, the latest one where there were several. */
export interface CallIntent {
  /** The call's number in that sandbox. */
  readonly number: number;
  /** The engine's id of the sandbox. */
  readonly sandbox: string;
  /** Sandboxes the call was sent to so far. Above one: infrastructure took the earlier ones, and a replay made up for it. */
  readonly attempts: number;
  /** Of `call_intended`, which holds the arguments. */
  readonly position: Position;
}

/** How a call ended. */
export interface CallEnding {
  readonly outcome: Outcome;
  readonly status: number;
  readonly durationMs: number;
  /** Of `call_finished`, which holds the answer. */
  readonly position: Position;
}

export type CallState =
  | { readonly name: 'entered' }
  | { readonly name: 'intended'; readonly intent: CallIntent }
  | { readonly name: 'finished'; readonly intent: CallIntent | null; readonly ending: CallEnding }
  | { readonly name: 'reopened'; readonly intent: CallIntent | null };

const successors = {
  entered: ['intended', 'finished'],
  intended: ['intended', 'finished'],
  finished: ['reopened'],
  reopened: ['intended', 'finished'],
} as const satisfies Record<CallState['name'], readonly CallState['name'][]>;

/** What `call_finished` records beside what the call knows of itself. */
export type CallReply = Pick<
  EventOf<'call_finished'>,
  'outcome' | 'evidence' | 'status' | 'output' | 'result' | 'durationMs' | 'streams'
>;

/** A call as it arrives. */
export interface ArrivedCall extends InRollout {
  readonly rollout: RolloutId;
  /** Unique in the rollout: the client's id, or for a later occurrence of that id one made from it. */
  readonly callId: CallId;
  /** The id that the client sent. Absent: `callId`. */
  readonly clientId?: CallId | undefined;
  /** How often the client had used the id before, plus one. Above 1 only where the task counts ids per turn. */
  readonly occurrence?: number | undefined;
  readonly tool: string;
  readonly argumentsSha256: string;
}

/**
 * One tool call of a rollout.
 *
 * States. `entered`: it has arrived, and no sandbox knows of it. `intended`: it has a number in a sandbox, so its
 * command may run there or have run. `finished`: it has an ending, and the answer is durable in the journal.
 * `reopened`: it ended as `queue_wait`, the client sent it again, and it waits for a sandbox once more.
 *
 * Transitions. entered → intended → finished. entered → finished: it never reached a sandbox. intended → intended:
 * its sandbox was lost and rebuilt. finished → reopened, from the cause `queue_wait` alone: every other ending is the
 * answer that each repetition gets. reopened → intended or finished, as from entered.
 *
 * Each transition appends its event before the state changes: `call_intended`, `call_finished`, `call_reopened`.
 * Arrival has no event, so a call that is only `entered` is forgotten by a restart, and its repetition is new.
 */
export class Call {
  readonly rollout: RolloutId;
  readonly #in: InRollout;
  readonly callId: CallId;
  readonly clientId: CallId;
  readonly occurrence: number;
  readonly tool: string;
  readonly argumentsSha256: string;
  #state: CallState = { name: 'entered' };
  #callsAtDelivery: number | null = null;

  constructor(arrived: ArrivedCall) {
    const { rollout, namedJob } = arrived;
    this.rollout = rollout;
    this.#in = inRollout(rollout, namedJob);
    this.callId = arrived.callId;
    this.clientId = arrived.clientId ?? arrived.callId;
    this.occurrence = arrived.occurrence ?? 1;
    this.tool = arrived.tool;
    this.argumentsSha256 = arrived.argumentsSha256;
  }

  get state(): CallState {
    return this.#state;
  }
  /** Null where no sandbox knows of the call. */
  get intent(): CallIntent | null {
    return this.#state.name === 'entered' ? null : this.#state.intent;
  }
  /** Null unless `finished`. */
  get ending(): CallEnding | null {
    return this.#state.name === 'finished' ? this.#state.ending : null;
  }
  /** How many calls of the rollout had begun when its answer had been sent whole; null: not sent yet. */
  get callsAtDelivery(): number | null {
    return this.#callsAtDelivery;
  }
  /** Its ending is the answer that a repetition gets. */
  get isAnswered(): boolean {
    return this.ending !== null && this.ending.outcome.cause !== 'queue_wait';
  }

  /**
   * It goes to this sandbox under this number. Written before anything can run, and not flushed: sandboxd itself
   * refuses to start a number twice.
   */
  async intend(
    journal: Journal,
    to: { readonly sandbox: string; readonly number: number; readonly arguments: unknown },
  ): Promise<void> {
    this.#check('intended');
    const { callId: call, tool, argumentsSha256 } = this;
    const { number, sandbox } = to;
    const position = await journal.append(
      {
        type: 'call_intended',
        ...this.#in,
        call,
        number,
        sandbox,
        tool,
        arguments: to.arguments,
        argumentsSha256,
        ...this.#repeatFields(),
      },
      { durable: false },
    );
    const attempts = (this.intent?.attempts ?? 0) + 1;
    this.#become({ name: 'intended', intent: { number, sandbox, attempts, position } });
  }

  /** It has ended with this reply, which is durable before anybody sees it. */
  async finish(journal: Journal, reply: CallReply): Promise<CallEnding> {
    this.#check('finished');
    const { callId: call, tool, argumentsSha256, intent } = this;
    const position = await journal.append(
      {
        type: 'call_finished',
        ...this.#in,
        call,
        tool,
        number: intent?.number ?? null,
        argumentsSha256,
        ...this.#repeatFields(),
        ...reply,
        rules: RULES,
        durationMs: Math.round(reply.durationMs),
        ...(intent !== null && intent.attempts > 1 ? { attempts: intent.attempts } : {}),
      },
      { durable: true },
    );
    const { outcome, status, durationMs } = reply;
    const ending = { outcome, status, durationMs, position };
    this.#become({ name: 'finished', intent, ending });
    return ending;
  }

  /** It ended as `queue_wait`, was sent again and waits once more. */
  async reopen(journal: Journal): Promise<void> {
    this.#check('reopened');
    await journal.append({ type: 'call_reopened', ...this.#in, call: this.callId }, { durable: false });
    this.#become({ name: 'reopened', intent: this.intent });
  }

  /** Its answer has been sent whole; `callsBegun` is the number of the rollout's calls until now. The first time counts. */
  noteDelivery(callsBegun: number): void {
    this.#callsAtDelivery ??= callsBegun;
  }

  #repeatFields(): Pick<EventOf<'call_finished'>, 'clientCall' | 'occurrence'> {
    const { callId, clientId: clientCall, occurrence } = this;
    return callId === clientCall ? {} : { clientCall, occurrence };
  }

  /** Takes over what an earlier life of the controller journaled of it: the same transitions, without new events. */
  restore({ intent, ending }: { intent: CallIntent | null; ending: CallEnding | null }): void {
    if (intent !== null) this.#become({ name: 'intended', intent });
    if (ending !== null) this.#become({ name: 'finished', intent, ending });
  }

  #become(next: CallState): void {
    this.#check(next.name);
    this.#state = next;
  }

  #check(next: CallState['name']): void {
    const { name } = this.#state;
    const allowed: readonly CallState['name'][] = successors[name];
    if (!allowed.includes(next) || (next === 'reopened' && this.isAnswered))
      throw new Error(`call ${this.callId} of rollout ${this.rollout} is ${name} and can't become ${next}`);
  }
}
