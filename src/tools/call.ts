import { randomUUID } from 'node:crypto';
import { QueueRefusal } from '../admission/queue-refusal.ts';
import type { Journal, Position } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { callId as parseCallId } from '../kernel/ids.ts';
import { attribute } from '../outcome/attribute.ts';
import { causes, type Outcome } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import { render } from '../outcome/render.ts';
import type { TokenBudget } from '../tokens/token-budget.ts';
import type { Rollouts } from '../rollouts/registry.ts';
import type { CallRecord, Rollout } from '../rollouts/rollout.ts';
import { NotRecovered } from '../rollouts/recovery.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import { SetupFailed } from '../rollouts/set-up.ts';
import { SandboxFault, type Sandbox } from '../sandbox/sandbox.ts';
import { argumentsDigest } from './arguments.ts';
import { ConflictingRepeat, type CallAnswer, type CallRequest } from './call-answer.ts';
import { answerTokens, digestsOf, found, resultOf, type Finding } from './finding.ts';
import { HeldRequests, PATIENCE_MS, callLockDeadline } from './held-requests.ts';
import { late, whyNoTurn, whyOver } from './past-calls.ts';
import { prepareCall, run, type PreparedCall } from './prepared-call.ts';

export interface CallParts {
  readonly rollouts: Rollouts;
  readonly sandboxes: Sandboxes;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly tokens: Pick<TokenBudget, 'fitToBudget'>;
  /** Told of every finished call, for metrics and the event line. */
  readonly onFinished: (rollout: Rollout, record: CallRecord) => void;
}

/**
 * The conductor: one call from request to answer, in this order and nowhere else. A call goes on when its
 * requester is gone; who repeats it joins it, or gets the stored answer.
 */
export class ToolCalls implements Disposable {
  readonly #parts: CallParts;
  readonly #running = new Map<CallRecord, Promise<CallAnswer>>();
  readonly #requests: HeldRequests;

  constructor(parts: CallParts) {
    this.#parts = parts;
    this.#requests = new HeldRequests(parts);
  }

  /** @throws UnknownTask, ConflictingRepeat: the caller's faults. Everything else is an answer. */
  async call(request: CallRequest): Promise<CallAnswer> {
    const rollout = await this.#parts.rollouts.open(request.opening);
    const digest = argumentsDigest(request.tool, request.arguments);
    const callId = request.callId ?? parseCallId(`generated-${randomUUID()}`);
    const known = rollout.calls.get(callId);
    if (known !== undefined) return await this.#repeat(rollout, known, digest, request);
    const record = rollout.enter(callId, request.tool, digest, this.#parts.clock.now());
    return await this.#requests.hold(
      rollout,
      record,
      this.begin(rollout, record, request.arguments),
      request.gone,
    );
  }

  /** Starts the walk of a call, or continues it under its number where it was intended before. */
  begin(rollout: Rollout, record: CallRecord, given: unknown): Promise<CallAnswer> {
    const walk = this.#walk(rollout, record, given).finally(() => this.#running.delete(record));
    this.#running.set(record, walk);
    return walk;
  }

  /** A request that the caller got wrong excludes the rollout; the calls it made are untouched. */
  async refuse(rollout: Rollout, cause: 'bad_request' | 'conflicting_repeat'): Promise<void> {
    rollout.noteClientFault(cause);
    await this.#parts.journal.append({ type: 'call_refused', rollout: rollout.id, cause }, { durable: true });
  }

  /** Resolves when none of the rollout's calls that are under way now is any more. */
  async settled(rollout: Rollout): Promise<void> {
    const records = [...rollout.calls.values()];
    await Promise.allSettled(records.flatMap((record) => this.#running.get(record) ?? []));
  }

  /** Resolves when no call is under way any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.values());
  }

  /** At the end of the server: nothing waits for requesters any more. */
  [Symbol.dispose](): void {
    this.#requests[Symbol.dispose]();
  }

  async #repeat(
    rollout: Rollout,
    known: CallRecord,
    digest: string,
    request: CallRequest,
  ): Promise<CallAnswer> {
    if (known.argumentsSha256 !== digest) {
      await this.refuse(rollout, 'conflicting_repeat');
      throw new ConflictingRepeat(
        `call ${known.callId} of rollout ${rollout.id} came again with other arguments`,
      );
    }
    const running = this.#running.get(known);
    if (running !== undefined)
      return { ...(await this.#requests.hold(rollout, known, running, request.gone)), replayed: true };
    if (known.outcome !== null && known.outcome.cause !== 'queue_wait')
      return await this.stored(rollout, known);
    // It had left the queue and never ran, or its result could not be recorded: it goes on, as the same call.
    known.outcome = null;
    return await this.#requests.hold(
      rollout,
      known,
      this.begin(rollout, known, request.arguments),
      request.gone,
    );
  }

  /** What a finished call answered, from the journal. */
  async stored(rollout: Rollout, record: CallRecord): Promise<CallAnswer> {
    if (record.position === null) throw new Error(`call ${record.callId} has no stored answer`);
    const event = await this.#parts.journal.read(record.position);
    if (event.type !== 'call_finished')
      throw new Error(`journal holds a ${event.type} where a result should be`);
    return {
      rollout: rollout.id,
      callId: record.callId,
      status: event.status,
      output: event.output,
      result: event.result,
      outcome: event.outcome,
      replayed: true,
    };
  }

  async #walk(rollout: Rollout, record: CallRecord, given: unknown): Promise<CallAnswer> {
    const began = this.#parts.clock.monotonic();
    const conclude = (finding: Finding): Promise<CallAnswer> =>
      this.#conclude(rollout, record, finding, began);
    if (rollout.isLate(record)) return await conclude(late());
    const prepared = prepareCall(rollout, record, given);
    if ('evidence' in prepared) return await conclude(prepared);
    const arrival = Deadline.after(this.#parts.clock, 'queue_wait', PATIENCE_MS);
    const sandboxless = await this.#firstSandbox(rollout, arrival);
    if (sandboxless !== null) return await conclude(found(sandboxless, prepared));

    const { recoveries } = rollout;
    using turn = await rollout.turns.take(callLockDeadline(this.#parts.clock, prepared.limits));
    if (turn === null) return await conclude(found(whyNoTurn(rollout, recoveries), prepared));
    // Again in a rebuilt sandbox, where infrastructure took the one it ran in.
    for (;;) {
      const finding = await this.#attempt(rollout, record, prepared, arrival);
      if (!(await this.#parts.sandboxes.displace(rollout, finding.evidence))) return await conclude(finding);
    }
  }

  /** Before the turn: waiting for a first start is nobody's turn, and never the model's doing. */
  async #firstSandbox(rollout: Rollout, arrival: Deadline): Promise<Evidence | null> {
    if (rollout.state !== 'opened') return whyOver(rollout);
    try {
      await this.#parts.sandboxes.of(rollout, arrival);
      return null;
    } catch (error) {
      return await this.#faultEvidence(rollout, error);
    }
  }

  /** In the call's turn. Every fault below ends here, as evidence. */
  async #attempt(
    rollout: Rollout,
    record: CallRecord,
    prepared: PreparedCall,
    arrival: Deadline,
  ): Promise<Finding> {
    const over = whyOver(rollout);
    if (over !== null) return found(over, prepared);
    try {
      const sandbox = await this.#parts.sandboxes.of(rollout, arrival);
      const number = await this.#numberIn(sandbox, rollout, record, prepared.given);
      return await run(rollout.task, prepared, sandbox, number);
    } catch (error) {
      return found(await this.#faultEvidence(rollout, error), prepared);
    }
  }

  /** What becomes of a finding: judged, recorded, told to whoever keeps count. */
  async #conclude(
    rollout: Rollout,
    record: CallRecord,
    finding: Finding,
    began: number,
  ): Promise<CallAnswer> {
    const outcome = attribute(finding.evidence);
    const answer = await this.#finish(
      rollout,
      record,
      outcome,
      finding,
      this.#parts.clock.monotonic() - began,
    );
    if (record.number !== null) rollout.sandbox?.acknowledge(record.number);
    if (causes[outcome.cause].endsRollout) await this.#parts.sandboxes.giveUp(rollout, finding.evidence);
    this.#parts.onFinished(rollout, record);
    return answer;
  }

  /**
   * The call's number in this sandbox. The intent is written before anything can run; sandboxd refuses a second
   * start, so it needs no flush.
   */
  async #numberIn(sandbox: Sandbox, rollout: Rollout, record: CallRecord, given: unknown): Promise<number> {
    if (record.number !== null && record.sandbox === sandbox.handle.id) return record.number;
    const number = rollout.nextNumber();
    record.intent = await this.#parts.journal.append(
      {
        type: 'call_intended',
        rollout: rollout.id,
        call: record.callId,
        number,
        sandbox: sandbox.handle.id,
        tool: record.tool,
        arguments: given,
        argumentsSha256: record.argumentsSha256,
      },
      { durable: false },
    );
    Object.assign(record, { number, sandbox: sandbox.handle.id, attempts: record.attempts + 1 });
    return number;
  }

  async #faultEvidence(rollout: Rollout, error: unknown): Promise<Evidence> {
    if (error instanceof SandboxFault) return await this.#parts.sandboxes.lossEvidence(rollout, error);
    if (error instanceof QueueRefusal || error instanceof DeadlineExceeded)
      return whyOver(rollout) ?? { kind: 'queue_expired' };
    if (error instanceof SetupFailed) return { kind: 'setup_failed' };
    if (error instanceof NotRecovered) return { kind: 'lost_before', cause: error.lossCause };
    throw error;
  }

  /** The result is durable before anybody sees it. */
  async #finish(
    rollout: Rollout,
    record: CallRecord,
    outcome: Outcome,
    finding: Finding,
    durationMs: number,
  ): Promise<CallAnswer> {
    const { journal, clock, tokens } = this.#parts;
    const result = resultOf(rollout.task.policy, outcome, finding);
    const reply = render(outcome, result);
    const { text: output } = await tokens.fitToBudget(reply.output, answerTokens(rollout.task, finding));
    const position: Position = await journal.append(
      {
        type: 'call_finished',
        rollout: rollout.id,
        call: record.callId,
        tool: record.tool,
        number: record.number,
        argumentsSha256: record.argumentsSha256,
        outcome,
        evidence: finding.evidence,
        status: reply.status,
        output,
        result,
        durationMs: Math.round(durationMs),
        ...(record.attempts > 1 ? { attempts: record.attempts } : {}),
        ...(finding.ending === null ? {} : { streams: digestsOf(finding.ending) }),
      },
      { durable: true },
    );
    rollout.settle(record, { outcome, status: reply.status, durationMs, position }, clock.now());
    return {
      rollout: rollout.id,
      callId: record.callId,
      status: reply.status,
      output,
      result,
      outcome,
      replayed: false,
    };
  }
}
