import { compare, type Comparison } from './comparison.ts';
import { cells, createExposures, type Dimension } from './exposures.ts';
import type { Ledger } from './ledger.ts';
import { quote } from './quote.ts';
import { condition, type Scope } from './scope.ts';
import { trend, wilson, type Interval, type Trend } from './statistics.ts';

/** Probability that a report names any behaviour although there is no difference. */
const ALPHA = 0.01;
const MOST_FINDINGS = 5;

export interface Rate extends Interval {
  readonly hits: number;
  readonly of: number;
}

/** A behaviour in which infrastructure fails more often than in the rest. */
export interface RiskFinding extends Comparison {
  /** Corrected for all levels that were compared in that round (Bonferroni). */
  readonly adjustedP: number;
  readonly rate: Rate;
  readonly rest: Rate;
  /** Its share of calls in the first and the last fifth of the steps; null with few steps. */
  readonly usage: { readonly early: number; readonly late: number; readonly trend: Trend } | null;
  readonly examples: readonly string[];
}

export interface StepRate {
  readonly job: string;
  readonly step: number;
  readonly rollouts: number;
  readonly excluded: number;
  readonly undetermined: number;
}

export interface Risk {
  /** What counts as independent: training steps, or windows of five minutes if there are few steps. */
  readonly unit: 'step' | 'window';
  readonly calls: number;
  readonly failures: number;
  readonly compared: number;
  readonly findings: readonly RiskFinding[];
  /** Everything that was compared, before the calls of any finding were left out. */
  readonly levels: readonly Comparison[];
  readonly steps: readonly StepRate[];
  readonly excluded: Rate;
  readonly undetermined: Rate;
  readonly excludedTrend: Trend | null;
  readonly undeterminedTrend: Trend | null;
  readonly worstSteps: readonly StepRate[];
}

/**
 * Whether infrastructure fails some behaviours more often than others. One finding per round: of the levels that differ, the
 * one that explains most is reported and its calls are left out of the next round, so that a tool is not named for one of
 * its commands.
 */
export async function risk(ledger: Ledger, scope: Scope): Promise<Risk> {
  const unit = await createExposures(ledger, scope);
  const { findings, levels, compared } = await search(ledger);
  const steps = await stepRates(ledger, scope);
  const [total] = await ledger.rows<{
    calls: number;
    failures: number;
    undetermined: number;
  }>(`SELECT count(*) AS calls,
    count(*) FILTER (failed) AS failures, count(*) FILTER (attribution = 'undetermined') AS undetermined FROM exposures`);
  const { calls, failures, undetermined } = total ?? { calls: 0, failures: 0, undetermined: 0 };
  const sum = (pick: (step: StepRate) => number): number => steps.reduce((all, step) => all + pick(step), 0);
  return {
    unit,
    calls,
    failures,
    compared,
    findings,
    levels,
    steps,
    excluded: rate(
      sum((step) => step.excluded),
      sum((step) => step.rollouts),
    ),
    undetermined: rate(undetermined, calls),
    excludedTrend: trend(steps.map((step) => step.excluded / step.rollouts)),
    undeterminedTrend: trend(steps.map((step) => step.undetermined / step.rollouts)),
    worstSteps: steps
      .toSorted((a, b) => b.excluded / b.rollouts - a.excluded / a.rollouts)
      .slice(0, 5)
      .filter((step) => step.excluded > 0),
  };
}

async function search(ledger: Ledger): Promise<Pick<Risk, 'findings' | 'levels' | 'compared'>> {
  const findings: RiskFinding[] = [];
  let levels: readonly Comparison[] | null = null;
  let compared = 0;
  while (findings.length < MOST_FINDINGS) {
    const dropped = findings.map(isLevel).join(' OR ') || 'false';
    const comparisons = compare(await cells(ledger, dropped));
    levels ??= comparisons;
    compared = Math.max(compared, comparisons.length);
    const standing = comparisons.filter((one) => one.ratio > 1 && one.p * comparisons.length < ALPHA);
    const [best] = standing.toSorted((a, b) => b.explains - a.explains);
    if (best === undefined) break;
    findings.push(await detail(ledger, best, comparisons.length, dropped));
  }
  return { findings, levels: levels ?? [], compared };
}

const isLevel = ({ dimension, level }: { dimension: Dimension; level: string }): string =>
  `${dimension} IS NOT DISTINCT FROM ${quote(level)}`;

async function detail(
  ledger: Ledger,
  best: Comparison,
  compared: number,
  dropped: string,
): Promise<RiskFinding> {
  const is = isLevel(best);
  const from = `FROM exposures WHERE NOT (${dropped})`;
  const [counts] = await ledger.rows<{
    hits: number;
    calls: number;
    rest_hits: number;
    rest_calls: number;
  }>(`SELECT
    count(*) FILTER (failed AND ${is}) AS hits, count(*) FILTER (${is}) AS calls,
    count(*) FILTER (failed AND NOT (${is})) AS rest_hits, count(*) FILTER (NOT (${is})) AS rest_calls ${from}`);
  const shares = await ledger.rows<{ share: number }>(
    `SELECT count(*) FILTER (${is}) / count(*) AS share ${from} GROUP BY cluster ORDER BY min(began_at)`,
  );
  const examples = await ledger.rows<{ rollout: string }>(
    `SELECT rollout ${from} AND failed AND ${is} ORDER BY began_at DESC LIMIT 3`,
  );
  const { hits, calls, rest_hits, rest_calls } = counts ?? { hits: 0, calls: 0, rest_hits: 0, rest_calls: 0 };
  return {
    ...best,
    adjustedP: Math.min(1, best.p * compared),
    rate: rate(hits, calls),
    rest: rate(rest_hits, rest_calls),
    usage: usageOf(shares.map(({ share }) => share)),
    examples: examples.map(({ rollout }) => rollout),
  };
}

function usageOf(shares: readonly number[]): RiskFinding['usage'] {
  const along = trend(shares);
  if (along === null) return null;
  const fifth = Math.ceil(shares.length / 5);
  const mean = (part: readonly number[]): number => part.reduce((sum, one) => sum + one, 0) / part.length;
  return { early: mean(shares.slice(0, fifth)), late: mean(shares.slice(-fifth)), trend: along };
}

function stepRates(ledger: Ledger, scope: Scope): Promise<StepRate[]> {
  return ledger.rows(`SELECT job, step, count(*) AS rollouts, count(*) FILTER (verdict = 'exclude') AS excluded,
    count(*) FILTER (undetermined_calls > 0) AS undetermined
    FROM rollouts WHERE ${condition(scope, 'opened_at')} GROUP BY job, step ORDER BY min(opened_at)`);
}

const rate = (hits: number, of: number): Rate => ({ hits, of, ...wilson(hits, of) });
