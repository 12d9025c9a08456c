import { randomUUID } from 'node:crypto';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import { callId as parseCallId } from '../kernel/ids.ts';
import type { Call, CallEnding } from '../rollouts/call.ts';
import type { Rollouts } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { TokenBudget } from '../tokens/token-budget.ts';
import { argumentsDigest, readArguments, type GivenArguments } from './arguments.ts';
import { ConflictingRepeat, type CallAnswer, type CallRequest, type Requester } from './call-answer.ts';
import { judgeRepeat, type ReuseSign } from './call-ids.ts';
import { noteDelivery } from './delivery.ts';
import { fittedReply } from './fitted-reply.ts';
import { digestsOf, judgeEnding, resultOf, type JudgedEnding } from './judged-ending.ts';
import { HeldRequests, PATIENCE_MS } from './held-requests.ts';
import { callLockDeadline, heldUp, LockWait, withNotedTime } from './lock-wait.ts';
import { prepareCall, runPrepared, type PreparedCall } from './prepared-call.ts';
import { RunningCalls } from './running-calls.ts';
import { storedAnswer } from './stored-answer.ts';
import { recordedName } from './tool-name.ts';

export interface CallParts {
  readonly rollouts: Rollouts;
  readonly sandboxes: Pick<Sandboxes, 'claims' | 'places' | 'losses'>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly tokens: TokenBudget;
  /** Called with every finished call, for metrics and the event line. */
  readonly onFinished: (rollout: Rollout, call: Call, ending: CallEnding) => void;
  /** Called with each request that shows that its client uses call ids again. */
  readonly onReusedId: (rollout: Rollout, call: Call, sign: ReuseSign) => void;
}

/**
 * The conductor: one call from request to answer. The order of the steps is here and nowhere else; the README of this
 * folder lists them. Each step is done by one other module, none of which calls back. The state of a call is `Call`
 * (rollouts/call.ts).
 */
export class ToolCalls implements Disposable {
  readonly #parts: CallParts;
  readonly #running = new RunningCalls();
  readonly #requests: HeldRequests;

  constructor(parts: CallParts) {
    this.#parts = parts;
    this.#requests = new HeldRequests({ clock: parts.clock, places: parts.sandboxes.places });
  }

  /**
   * Answers one request. The first request of a call starts it. A later one joins it, or gets its stored answer.
   *
   * @throws UnknownTask, ConflictingRepeat: mistakes of the caller. Every other ending is an answer.
   */
  async runCall(request: CallRequest): Promise<CallAnswer> {
    const rollout = await this.#parts.rollouts.openRollout(request.opening);
    const given = readArguments(request.arguments);
    const call = await this.#callOf(rollout, request, given);
    const answer = await this.#answer(rollout, call, given, request.requester);
    request.requester?.onDelivered(() => {
      noteDelivery(this.#parts.journal, rollout, call);
    });
    return answer;
  }

  /** The call that the request is about: a new one, or the one that has its id. @throws ConflictingRepeat */
  async #callOf(rollout: Rollout, request: CallRequest, given: GivenArguments): Promise<Call> {
    const tool = recordedName(request.tool);
    const digest = argumentsDigest(typeof request.tool === 'string' ? request.tool : tool, given);
    const id = request.callId ?? parseCallId(`generated-${randomUUID()}`);
    const known = rollout.findCall(id);
    const repeat = known && judgeRepeat(rollout, known, digest);
    if (known !== undefined && repeat?.sign) this.#parts.onReusedId(rollout, known, repeat.sign);
    if (known !== undefined && repeat?.as === 'conflict') return await this.#refuseConflict(rollout, known);
    if (known !== undefined && repeat?.as === 'same_call') return known;
    return rollout.enterCall(id, tool, digest, this.#parts.clock.now());
  }

  /** The stored answer, or that of the run under way, which is begun now if there is none. */
  async #answer(
    rollout: Rollout,
    call: Call,
    given: GivenArguments,
    requester: Requester | undefined,
  ): Promise<CallAnswer> {
    const running = this.#running.get(call);
    if (running === undefined && call.isAnswered) return await storedAnswer(this.#parts.journal, call);
    const conducted = running ?? this.#start(rollout, call, given);
    const answer = await this.#requests.holdRequest(rollout, call, conducted, requester?.gone);
    return running === undefined ? answer : { ...answer, fromJournal: true };
  }

  /**
   * Conducts a call that is not under way: it has just arrived, a restart interrupted it, it is reopened, or its
   * ending could not be journaled. It continues when its requester is gone.
   */
  continueCall(rollout: Rollout, call: Call, given: unknown): Promise<CallAnswer> {
    return this.#start(rollout, call, readArguments(given));
  }

  #start(rollout: Rollout, call: Call, given: GivenArguments): Promise<CallAnswer> {
    return this.#running.add(call, this.#conduct(rollout, call, given));
  }

  /** All steps of one call, in order. The call lock is held until the ending is durable. */
  async #conduct(rollout: Rollout, call: Call, given: GivenArguments): Promise<CallAnswer> {
    const { clock, journal, sandboxes } = this.#parts;
    const began = clock.monotonic();
    const finish = (judged: JudgedEnding): Promise<CallAnswer> => this.#finish(rollout, call, judged, began);
    if (call.state.name === 'finished') await call.reopen(journal);

    const prepared = prepareCall(rollout, call, given);
    if ('evidence' in prepared) return await finish(prepared);

    const patience = Deadline.after(clock, 'queue_wait', PATIENCE_MS);
    const noSandbox = await this.#waitForFirstSandbox(rollout, prepared, patience);
    if (noSandbox !== null) return await finish(noSandbox);

    const wait = new LockWait(rollout, clock);
    using lock = await rollout.callLock.acquire(callLockDeadline(clock, prepared.limits));
    if (lock === null) return await finish(judgeEnding(wait.evidence(), prepared));

    for (;;) {
      const judged = await this.#attempt(rollout, call, prepared, patience);
      const fate = await sandboxes.losses.settleLoss(rollout, judged);
      if (fate !== 'rebuild') return await finish(judged);
    }
  }

  /**
   * Before the lock: a call that waits for the lock waits for earlier calls, and that time may be the model's
   * (`turn_wait`). The time of a first start never is.
   *
   * @returns null where the rollout has had a sandbox; else the ending of a call that gets none.
   */
  async #waitForFirstSandbox(
    rollout: Rollout,
    prepared: PreparedCall,
    patience: Deadline,
  ): Promise<JudgedEnding | null> {
    const { claims, losses } = this.#parts.sandboxes;
    const over = rollout.overEvidence;
    if (over !== null) return judgeEnding(over, prepared);
    if (rollout.state !== 'opened') return null;
    try {
      await claims.acquireSandbox(rollout, patience);
      return null;
    } catch (error) {
      const judged = judgeEnding(await losses.evidenceOf(rollout, error), prepared);
      await losses.settleLoss(rollout, judged);
      return judged;
    }
  }

  /** With the lock: one run in the rollout's sandbox, which is rebuilt first where it is displaced. */
  async #attempt(
    rollout: Rollout,
    call: Call,
    prepared: PreparedCall,
    patience: Deadline,
  ): Promise<JudgedEnding> {
    const { clock, sandboxes } = this.#parts;
    const { claims, losses } = sandboxes;
    const over = rollout.overEvidence;
    if (over !== null) return judgeEnding(over, prepared);
    try {
      const sandbox = await heldUp(rollout, clock, () => claims.acquireSandbox(rollout, patience));
      const number = await this.#numberIn(sandbox, rollout, call, prepared.given);
      const run = () => runPrepared(rollout.task, prepared, sandbox, number);
      return await withNotedTime(rollout, clock, run);
    } catch (error) {
      return judgeEnding(await losses.evidenceOf(rollout, error), prepared);
    }
  }

  /** The call's number in this sandbox: the one that it has there already, as after a restart, or a new one. */
  async #numberIn(sandbox: Sandbox, rollout: Rollout, call: Call, given: unknown): Promise<number> {
    const { id } = sandbox.handle;
    if (call.intent?.sandbox === id) return call.intent.number;
    const number = rollout.nextNumber();
    await call.intend(this.#parts.journal, { sandbox: id, number, arguments: given });
    return number;
  }

  /** Journals ending and answer. Both are durable before the answer is returned. */
  async #finish(rollout: Rollout, call: Call, judged: JudgedEnding, began: number): Promise<CallAnswer> {
    const { clock, journal, tokens, onFinished } = this.#parts;
    const durationMs = clock.monotonic() - began;
    const { evidence, outcome, run } = judged;
    const result = resultOf(rollout.task.policy, judged);
    const { status, output } = await fittedReply(tokens, rollout.task, judged, result);
    const ending = await call.finish(journal, {
      ...{ outcome, evidence, status, output, result, durationMs },
      ...(run !== null && { streams: digestsOf(run) }),
    });
    rollout.noteActivity(clock.now());
    if (call.intent !== null) rollout.sandbox?.acknowledge(call.intent.number);
    onFinished(rollout, call, ending);
    const { clientId: callId } = call;
    return { rollout: rollout.id, callId, status, output, result, outcome, fromJournal: false };
  }

  async #refuseConflict(rollout: Rollout, { clientId }: Call): Promise<never> {
    await this.refuseCall(rollout, 'conflicting_repeat');
    throw new ConflictingRepeat(
      `call ${clientId} of rollout ${rollout.id} was used again with other arguments`,
    );
  }

  /** Records a faulty request of the caller. It excludes the rollout and does not affect its calls. */
  async refuseCall(rollout: Rollout, cause: 'bad_request' | 'conflicting_repeat'): Promise<void> {
    rollout.noteClientFault(cause);
    await this.#parts.journal.append({ type: 'call_refused', ...rollout.ref, cause }, { durable: true });
  }

  /** Resolves when the rollout's calls that are under way now have ended. */
  settled(rollout: Rollout): Promise<void> {
    return this.#running.settled(rollout.calls.values());
  }

  /** Resolves when no call is under way. */
  idle(): Promise<void> {
    return this.#running.idle();
  }

  /** At the end of the server: drops the timers of held requests. */
  [Symbol.dispose](): void {
    this.#requests[Symbol.dispose]();
  }
}
