import { randomUUID } from 'node:crypto';
import type { Journal, Position } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { callId as parseCallId } from '../kernel/ids.ts';
import { attribute } from '../outcome/attribute.ts';
import { causes, type Outcome } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import { render } from '../outcome/render.ts';
import { fitToBudget } from '../outcome/token-budget.ts';
import type { CallLimits } from '../protocol/messages.ts';
import type { Rollouts } from '../rollouts/registry.ts';
import type { CallRecord, Rollout } from '../rollouts/rollout.ts';
import { SetupFailed, type Sandboxes } from '../rollouts/sandboxes.ts';
import { SandboxFault, type Sandbox } from '../sandbox/sandbox.ts';
import { argumentsDigest, parseArguments } from './arguments.ts';
import { ConflictingRepeat, type CallAnswer, type CallRequest } from './call-answer.ts';
import { evidenceOf, refusal, resultOf, type Finding } from './finding.ts';
import { HeldRequests, HOLD_MS, PATIENCE_MS } from './held-requests.ts';
import { callLimits, type Tool } from './tool.ts';
import { toolbox } from './toolbox.ts';

/** Between the end of a command's own limit and the reply: kill, journal, network. */
const REPLY_MARGIN_MS = 15_000;

export interface CallParts {
  readonly rollouts: Rollouts;
  readonly sandboxes: Sandboxes;
  readonly journal: Journal;
  readonly clock: Clock;
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
      rollout.noteClientFault('conflicting_repeat');
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
    const { clock, sandboxes } = this.#parts;
    const began = clock.monotonic();
    const arrival = Deadline.after(clock, 'queue_wait', PATIENCE_MS);
    const finding = await this.#find(rollout, record, given, arrival);
    const outcome = attribute(finding.evidence);
    const answer = await this.#finish(rollout, record, outcome, finding, clock.monotonic() - began);
    if (record.number !== null) rollout.sandbox?.acknowledge(record.number);
    if (causes[outcome.cause].endsRollout) await sandboxes.giveUp(rollout, finding.evidence);
    this.#parts.onFinished(rollout, record);
    return answer;
  }

  /** Takes the call's turn and runs it. Every fault below ends here, as evidence. */
  async #find(rollout: Rollout, record: CallRecord, given: unknown, arrival: Deadline): Promise<Finding> {
    if (rollout.isLate(record)) return late();
    const tool = toolbox(rollout.task).get(record.tool);
    if (tool === undefined) return refusal('unknown_tool', unknownTool(record.tool, rollout));
    const parsed = parseArguments(tool, given);
    if (!parsed.ok) return refusal('bad_arguments', parsed.problem);
    const limits = callLimits(rollout.task.policy, tool.timeoutMs(parsed.input, rollout.task.policy));

    const found = (evidence: Evidence): Finding => ({ evidence, tool, limits, ending: null });
    const overBefore = whyOver(rollout);
    if (overBefore !== null) return found(overBefore);
    try {
      // Before the turn: waiting for a start is nobody's turn, and never the model's doing.
      await this.#parts.sandboxes.of(rollout, arrival);
      using turn = await rollout.turns.take(turnDeadline(this.#parts.clock, limits));
      if (turn === null) return found({ kind: 'turn_expired' });
      const over = whyOver(rollout);
      if (over !== null) return found(over);
      const sandbox = await this.#parts.sandboxes.of(rollout, arrival);
      const number = record.number ?? (await this.#intend(rollout, record, tool, given, sandbox));
      const report = await sandbox.run(number, tool.work(parsed.input, rollout.task.policy), limits);
      const ending = report.type === 'exited' ? report : null;
      return { evidence: evidenceOf(tool, sandbox, report), tool, limits, ending };
    } catch (error) {
      return found(await this.#faultEvidence(rollout, error));
    }
  }

  /** The intent, written before anything can run; the agent refuses a second start, so it needs no flush. */
  async #intend(
    rollout: Rollout,
    record: CallRecord,
    tool: Tool,
    given: unknown,
    sandbox: Sandbox,
  ): Promise<number> {
    const number = rollout.nextNumber();
    record.intent = await this.#parts.journal.append(
      {
        type: 'call_intended',
        rollout: rollout.id,
        call: record.callId,
        number,
        sandbox: sandbox.handle.id,
        tool: tool.name,
        arguments: given,
        argumentsSha256: record.argumentsSha256,
      },
      { durable: false },
    );
    record.number = number;
    return number;
  }

  async #faultEvidence(rollout: Rollout, error: unknown): Promise<Evidence> {
    if (error instanceof SandboxFault) return await this.#parts.sandboxes.lossEvidence(rollout, error);
    if (error instanceof DeadlineExceeded) return whyOver(rollout) ?? { kind: 'queue_expired' };
    if (error instanceof SetupFailed) return { kind: 'setup_failed' };
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
    const { journal, clock } = this.#parts;
    const result = resultOf(rollout.task.policy, outcome, finding);
    const reply = render(outcome, result);
    const { text: output } = await fitToBudget(reply.output, rollout.task.policy.answer_tokens);
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

/** A call after the rollout was handed to its grader. */
function late(): Finding {
  const evidence: Evidence = { kind: 'rollout_over', how: 'graded' };
  return { evidence, tool: null, limits: null, ending: null };
}

/** Earlier calls, the command and the reply fit into one request. */
function turnDeadline(clock: Clock, limits: CallLimits): Deadline {
  return Deadline.after(clock, 'turn_wait', HOLD_MS - limits.timeoutMs - REPLY_MARGIN_MS);
}

function unknownTool(name: string, rollout: Rollout): string {
  return `There is no tool "${name}". Tools: ${[...toolbox(rollout.task).keys()].join(', ')}.`;
}

/** Why a rollout takes no more calls, or null. A cause that cost it its sandbox comes before how it was put away. */
function whyOver(rollout: Rollout): Evidence | null {
  if (rollout.lossCause !== null) return { kind: 'lost_before', cause: rollout.lossCause };
  if (rollout.state === 'ended') return { kind: 'rollout_over', how: rollout.endReason ?? 'stopped' };
  return null;
}
