import { createHash } from 'node:crypto';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { JobId, RolloutId } from '../kernel/ids.ts';
import { jsonText } from '../kernel/json-text.ts';
import { SingleFlight } from '../kernel/single-flight.ts';
import type { Rollouts, Standing } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import type { Verdict } from '../rollouts/verdict.ts';
import type { GradingState } from '../telemetry/recent-gradings.ts';
import type { ToolCalls } from '../tools/call.ts';
import { toolbox } from '../tools/toolbox.ts';
import type { Catalog } from '../policy/schema.ts';
import type { GraderClient } from './grader-client.ts';
import { graderEndings, type GraderEnding } from './grader-ending.ts';
import { rowOf } from '../journal/row.ts';
import { missingCalls } from './missing-calls.ts';
import { summaryOf, trajectoryOf } from './trajectory.ts';

/** What is done with an excluded rollout. `withhold`: 503, so that the platform discards it. */
export type ExcludedRule =
  | { readonly kind: 'withhold' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'score'; readonly score: number };

export interface GradeRequest {
  readonly id: RolloutId;
  /** As the request names it. */
  readonly job?: JobId | undefined;
  /** The platform's body, unchanged: sample, item, trace_id and any other field. */
  readonly body: Readonly<Record<string, unknown>>;
}

export type GradeAnswer =
  /** `body` is the grader's own answer where there was one. */
  | { readonly kind: 'scored'; readonly body: string }
  /** The rollout is excluded, or one of its calls does not end. */
  | { readonly kind: 'withheld' }
  | { readonly kind: 'grader_fault'; readonly status: 502 | 504; readonly sentence: string };

/** A grading as metrics and alarms see it. */
export interface Graded {
  readonly state: GradingState;
  readonly ending: string;
  readonly callsMissing: number;
}

export interface GateParts {
  readonly catalog: Catalog;
  readonly rollouts: Rollouts;
  readonly sandboxes: Pick<Sandboxes, 'ends'>;
  readonly calls: Pick<ToolCalls, 'settled'>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly grader: Pick<GraderClient, 'ask'>;
  readonly excluded: ExcludedRule;
  /** What is done with a rollout that is valid after a replay. */
  readonly recovered: 'forward' | 'exclude';
  /** What is done with a rollout whose verdict is unknown. */
  readonly unknown: 'withhold' | 'forward';
  readonly onGraded: (request: GradeRequest, graded: Graded) => void;
  /** How long running calls may finish before the rollout's sandbox is ended. */
  readonly pendingMs: number;
}

/** The platform waits 10 minutes; the gate answers before that. */
const HOLD_MS = 570_000;
/** After the rollout has ended, its last calls only have to be recorded. */
const CANCELLED_MS = 10_000;

interface Ending {
  readonly code: string;
  readonly score: number | null;
  readonly tries: number;
}

/** What is known of a rollout when it is graded. */
interface Judged extends Standing {
  readonly callsMissing: number;
}

/**
 * The grader gate: seals a rollout, reads its verdict, and only then asks the customer's grader. A request that is
 * repeated while the first is in progress joins it; after that the grader is asked again.
 */
export class GraderGate {
  readonly #parts: GateParts;
  readonly #flights = new SingleFlight<string, GradeAnswer>();

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** Every ending is an answer. @throws JournalError where the score can't be recorded; then it isn't sent. */
  grade(request: GradeRequest): Promise<GradeAnswer> {
    const key = createHash('sha256')
      .update(jsonText([request.id, request.job ?? null, request.body]))
      .digest('hex');
    return this.#flights.run(key, () => this.#grade(request));
  }

  async #grade(request: GradeRequest): Promise<GradeAnswer> {
    const { clock, rollouts, excluded } = this.#parts;
    const began = clock.monotonic();
    const deadline = Deadline.after(clock, 'grading', HOLD_MS);
    const rollout = rollouts.get(request.id, request.job);
    if (rollout !== undefined) await this.#seal(rollout);
    const judged = this.#judge(request);
    const { verdict } = judged.verdict;
    const record = (ending: Ending): Promise<void> =>
      this.#record(request, judged, ending, clock.monotonic() - began);

    if (this.#isWithheld(verdict)) {
      await record({ code: 'withheld', score: null, tries: 0 });
      return { kind: 'withheld' };
    }
    if (verdict === 'exclude' && excluded.kind === 'score') {
      await record({ code: 'fixed_score', score: excluded.score, tries: 0 });
      return { kind: 'scored', body: JSON.stringify({ score: excluded.score }) };
    }
    const body = await this.#bodyFor(request, judged);
    const { ending, tries } = await this.#parts.grader.ask(body, deadline);
    await record({ code: ending.code, score: ending.code === 'scored' ? ending.score : null, tries });
    return answerOf(ending);
  }

  #isWithheld(verdict: Verdict['verdict']): boolean {
    if (verdict === 'pending') return true;
    if (verdict === 'unknown') return this.#parts.unknown === 'withhold';
    return verdict === 'exclude' && this.#parts.excluded.kind === 'withhold';
  }

  /** The verdict, and whether calls that the platform recorded never came. */
  #judge({ id, job, body }: GradeRequest): Judged {
    const { rollouts, catalog } = this.#parts;
    const before = rollouts.standing(id, job);
    const ours = { has: (name: string) => catalog.tasks.values().some((task) => toolbox(task).has(name)) };
    const callsMissing = missingCalls(body['sample'], ours, before);
    if (callsMissing > 0 && isWithoutCalls(before.verdict)) {
      before.rollout?.noteCallsNeverArrived();
      const verdict = { ...before.verdict, verdict: 'exclude', reasons: ['calls_never_arrived'] } as const;
      return { ...before, why: null, verdict, callsMissing };
    }
    return { ...before, verdict: this.#strict(before.verdict), callsMissing };
  }

  #strict(verdict: Verdict): Verdict {
    const strict = this.#parts.recovered === 'exclude' && verdict.recovered !== null;
    return strict && verdict.verdict === 'valid' ? { ...verdict, verdict: 'exclude' } : verdict;
  }

  /** Refuses further calls. Running calls may finish; those that don't in time are ended. */
  async #seal(rollout: Rollout): Promise<void> {
    const { clock, sandboxes } = this.#parts;
    rollout.seal();
    await this.#settled(rollout, Deadline.after(clock, 'grading', this.#parts.pendingMs));
    await sandboxes.ends.endRollout(rollout, 'graded');
    await this.#settled(rollout, Deadline.after(clock, 'grading', CANCELLED_MS));
  }

  async #settled(rollout: Rollout, deadline: Deadline): Promise<void> {
    try {
      await deadline.race(this.#parts.calls.settled(rollout));
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
    }
  }

  /**
   * The platform's body with the field `faultline` added, a name that no platform uses. `trajectory` is null where only the
   * verdict is kept.
   */
  async #bodyFor(request: GradeRequest, { rollout, verdict, why, callsMissing }: Judged): Promise<string> {
    const { reasons, recovered, counts } = verdict;
    const isGone = rollout === null ? verdict.verdict !== 'no_tool_call' : rollout.hasForgottenCalls;
    const calls = rollout === null ? [] : await trajectoryOf(rollout, this.#parts.journal);
    const faultline = {
      ...{ verdict: verdict.verdict, reasons, recovered, counts, unknown_because: why },
      calls_missing: callsMissing,
      trajectory: isGone ? null : summaryOf(calls),
    };
    return jsonText({ ...request.body, faultline });
  }

  async #record(
    request: GradeRequest,
    { ref, job, verdict: { verdict, reasons }, callsMissing }: Judged,
    { code, score, tries }: Ending,
    elapsedMs: number,
  ): Promise<void> {
    const row = rowOf(request.body['item']);
    const durationMs = Math.round(elapsedMs);
    await this.#parts.journal.append(
      {
        type: 'graded',
        ...ref,
        ...{ job, row, verdict, reasons, ending: code, score, tries, durationMs },
        ...(callsMissing > 0 && { callsMissing }),
      },
      { durable: true },
    );
    const state = reasons[0] === 'calls_never_arrived' ? 'calls_never_arrived' : verdict;
    this.#parts.onGraded(request, { state, ending: code, callsMissing });
  }
}

/** Nothing of it ever came here, and nothing else excludes it. Where that is unknown, its calls may have come. */
function isWithoutCalls({ verdict, counts }: Verdict): boolean {
  return verdict === 'no_tool_call' || (verdict === 'valid' && counts.calls === 0);
}

function answerOf(ending: GraderEnding): GradeAnswer {
  if (ending.code === 'scored') return { kind: 'scored', body: ending.body };
  const { status, sentence } = graderEndings[ending.code];
  return { kind: 'grader_fault', status, sentence: `${sentence} ${ending.detail}` };
}
