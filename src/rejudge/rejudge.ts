import type { EventOf, JournalEvent } from '../journal/event.ts';
import { causes, type Outcome } from '../outcome/causes.ts';
import { RULES, rulesOf } from '../outcome/rules.ts';
import { verdictOfRecord } from '../rollouts/recorded-rollout.ts';
import type { Verdict } from '../rollouts/verdict.ts';
import { outcomeText, type Difference } from './difference.ts';
import {
  derive,
  judgedText,
  newJudged,
  parseJudged,
  possibleVerdicts,
  take,
  type JudgedRollout,
} from './judged-rollout.ts';
import { PutAside } from './put-aside.ts';

/** Rollouts in memory; of others what was read is in a temporary file. */
const MOST_ROLLOUTS = 10_000;

export interface RejudgeTally {
  readonly events: number;
  /** Endings of calls and losses of sandboxes, by the number of the rules that judged them. */
  readonly outcomesByRules: ReadonlyMap<number, number>;
  /** Verdicts that were recorded at the end of a rollout or with a grading. */
  readonly verdicts: number;
  readonly differences: number;
}

type WithOutcome = EventOf<'call_finished' | 'rollout_lost' | 'rollout_displaced'>;
type WithVerdict = EventOf<'rollout_ended' | 'graded'>;

/**
 * Judges the evidence of a journal again, event by event in its order, and compares what was recorded. Writes nothing.
 */
export class Rejudge implements Disposable {
  readonly #rollouts = new PutAside<JudgedRollout>(MOST_ROLLOUTS, { write: judgedText, read: parseJudged });
  readonly #corrections = new PutAside<Outcome>(MOST_ROLLOUTS, {
    write: (outcome) => JSON.stringify(outcome),
    read: (text) => JSON.parse(text) as Outcome,
  });
  readonly #byRules = new Map<number, number>();
  #life = 0;
  #events = 0;
  #verdicts = 0;
  #differences = 0;

  get tally(): RejudgeTally {
    const [events, verdicts, differences] = [this.#events, this.#verdicts, this.#differences];
    return { events, outcomesByRules: this.#byRules, verdicts, differences };
  }

  /** Takes note of an earlier `rejudge --write`, before its events come by: it replaced what comes before it. */
  correct(event: EventOf<'rejudged'>): void {
    this.#corrections.set(correctionKey(event, event.call, event.was.cause), event.outcome);
  }

  /** What differs in this event. */
  add(event: JournalEvent): Difference[] {
    this.#events += 1;
    if (event.type === 'controller_started') this.#life += 1;
    if (!('rollout' in event) || event.rollout === null || event.type === 'kill_intended') return [];
    const key = keyOf(event);
    const rollout = this.#rollouts.get(key) ?? newJudged();
    const found = this.#judge(rollout, event);
    this.#rollouts.set(key, rollout);
    this.#differences += found.length;
    return found;
  }

  /** The number of rollouts by the verdict that is derived now, of those whose beginning is in the journal. */
  verdicts(): Record<Verdict['verdict'], number> {
    const counts = { valid: 0, exclude: 0, pending: 0, unknown: 0, no_tool_call: 0 };
    for (const { record, whole } of this.#rollouts.values())
      if (whole) counts[verdictOfRecord(record, this.#life).verdict] += 1;
    return counts;
  }

  [Symbol.dispose](): void {
    this.#rollouts[Symbol.dispose]();
    this.#corrections[Symbol.dispose]();
  }

  #judge(rollout: JudgedRollout, event: JournalEvent): Difference[] {
    switch (event.type) {
      case 'call_finished':
      case 'rollout_lost':
      case 'rollout_displaced':
        return this.#judgeOutcome(rollout, event);
      case 'rollout_ended':
      case 'graded':
        return this.#judgeVerdict(rollout, event);
      default:
        take(rollout, event, this.#life);
        return [];
    }
  }

  #judgeOutcome(rollout: JudgedRollout, event: WithOutcome): Difference[] {
    const rules = rulesOf(event);
    this.#byRules.set(rules, (this.#byRules.get(rules) ?? 0) + 1);
    const derived = derive(rollout, event.evidence);
    take(rollout, event, this.#life, derived?.cause);
    const correction = this.#corrections.get(correctionKey(event, callOf(event), causeOf(event)));
    if (correction !== undefined) rollout.corrected = true;
    const recorded = textOf(event, correction);
    const now =
      derived === null ? null : event.type === 'call_finished' ? outcomeText(derived) : derived.cause;
    if (recorded === now) return [];
    const of = event.type === 'call_finished' ? 'call' : 'loss';
    const why = whyOutcome(event, derived, rules);
    return [{ ...about(event, of), recorded, derived: now, rules, why, outcome: derived }];
  }

  /** A rollout whose beginning is not in the journal has no verdict that could be derived. */
  #judgeVerdict(rollout: JudgedRollout, event: WithVerdict): Difference[] {
    take(rollout, event, this.#life);
    if (!rollout.whole) return [];
    this.#verdicts += 1;
    const [now, ...others] = possibleVerdicts(rollout, this.#life);
    if (now === undefined || rollout.corrected) return [];
    if ([now, ...others].some((one) => agrees(one, event))) return [];
    const text = (verdict: string, reasons: readonly string[]): string =>
      `${verdict}${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`;
    return [
      {
        ...about(event, 'verdict'),
        recorded: text(event.verdict, event.reasons),
        derived: text(now.verdict, now.reasons),
        ...{ rules: null, outcome: null },
        why: 'The verdict does not follow from the outcomes of the calls before it.',
      },
    ];
  }
}

const namedJobOf = (event: object): string | null =>
  (event as { readonly namedJob?: string }).namedJob ?? null;

function about(
  event: WithOutcome | WithVerdict,
  of: Difference['of'],
): Pick<Difference, 'of' | 'at' | 'rollout' | 'namedJob' | 'call'> {
  const call = event.type === 'call_finished' ? event.call : null;
  return { of, at: event.at, rollout: event.rollout, namedJob: namedJobOf(event), call };
}

/** Two jobs may use one rollout id. */
function keyOf(event: { readonly rollout: string | null }): string {
  return JSON.stringify([event.rollout, namedJobOf(event)]);
}

function correctionKey(event: { readonly rollout: string }, call: string | null, cause: string): string {
  return JSON.stringify([event.rollout, namedJobOf(event), call, cause]);
}

const callOf = (event: WithOutcome): string | null => (event.type === 'call_finished' ? event.call : null);
const causeOf = (event: WithOutcome): string =>
  event.type === 'call_finished' ? event.outcome.cause : event.cause;

/** What is recorded, or replaced it: a whole outcome of a call, the cause of a loss. */
function textOf(event: WithOutcome, correction: Outcome | undefined): string {
  if (event.type === 'call_finished') return outcomeText(correction ?? event.outcome);
  return correction?.cause ?? event.cause;
}

function whyOutcome(event: WithOutcome, derived: Outcome | null, rules: number): string {
  if (derived === null) return `Rules ${String(RULES)} can't judge this evidence (${event.evidence.kind}).`;
  if (rules !== RULES)
    return `Rules ${String(rules)} judged it; rules ${String(RULES)} derive another outcome from the same evidence.`;
  return `Rules ${String(RULES)} judged it and derive another outcome now: outcome or evidence were changed, or it is a bug.`;
}

/** Reasons of the gate's own, which do not come from the calls. */
const OF_THE_GATE: ReadonlySet<string> = new Set(['calls_never_arrived']);
const OF_CALLS: ReadonlySet<string> = new Set(['valid', 'exclude', 'pending']);

/**
 * Whether the server may have said this. A call that had only arrived is in no event, so `pending` fits wherever nothing
 * excludes. The gate can be told to exclude what was rebuilt. A faulty request counts where a verdict names it.
 */
function agrees(derived: Verdict, { type, verdict, reasons }: WithVerdict): boolean {
  if (!OF_CALLS.has(verdict)) return true;
  const known = new Set<string>(derived.reasons);
  const invented = reasons.filter((one) => !known.has(one) && !OF_THE_GATE.has(one) && !isClientFault(one));
  if (invented.length > 0 || derived.reasons.some((one) => !reasons.includes(one))) return false;
  if (reasons.length > 0) return verdict === 'exclude';
  if (verdict === 'exclude') return type === 'graded' && derived.recovered !== null;
  return verdict === 'pending' || derived.verdict === 'valid';
}

function isClientFault(reason: string): boolean {
  return Object.hasOwn(causes, reason) && causes[reason as keyof typeof causes].attribution === 'client';
}
