import { compare, type Comparison } from './comparison.ts';
import type { Dimension } from './contrasts.ts';
import { smallestRatio } from './e-process.ts';
import { contrasts, createExposures } from './exposures.ts';
import type { Ledger } from './ledger.ts';
import { quote } from './quote.ts';
import { condition, type Scope } from './scope.ts';
import { trend, wilson, type Interval, type Trend } from './statistics.ts';

/** Probability that a report, however often it is made over the same growing period, names any level that does not differ. */
const ALPHA = 0.01;
/** Shares of calls for which a report says what could have been found. */
const SHARES = [0.01, 0.05, 0.2] as const;
const MOST_FINDINGS = 5;

export interface Rate extends Interval {
  readonly hits: number;
  readonly of: number;
}

/** A behaviour in which infrastructure fails more often than in the rest. */
export interface RiskFinding extends Comparison {
  readonly rate: Rate;
  readonly rest: Rate;
  /** Its share of calls in the first and the last fifth of the steps of the job in which it failed most; null with few steps. */
  readonly usage: {
    readonly job: string;
    readonly early: number;
    readonly late: number;
    readonly trend: Trend;
  } | null;
  readonly examples: readonly string[];
}

export interface StepRate {
  readonly job: string;
  readonly step: number;
  readonly rollouts: number;
  readonly excluded: number;
  readonly undetermined: number;
}

/** The smallest ratio of failure rates that would have been found in a behaviour with this share of the calls. */
export interface Smallest {
  readonly share: number;
  /** Null if no difference could be found. */
  readonly ratio: number | null;
}

/** Whether a share of rollouts rises from step to step in one job: the job in which that is clearest. */
export interface JobTrend extends Trend {
  readonly job: string;
}

export interface Risk {
  /** What counts as independent: training steps; with a step of more than an hour, its hours (`window`). */
  readonly unit: 'step' | 'window';
  readonly units: number;
  readonly calls: number;
  readonly failures: number;
  readonly compared: number;
  readonly smallest: readonly Smallest[];
  readonly findings: readonly RiskFinding[];
  /** Everything that was compared, before the calls of any finding were left out. */
  readonly levels: readonly Comparison[];
  readonly steps: readonly StepRate[];
  readonly excluded: Rate;
  readonly undetermined: Rate;
  readonly excludedTrend: JobTrend | null;
  readonly undeterminedTrend: JobTrend | null;
  readonly worstSteps: readonly StepRate[];
}

/**
 * Whether infrastructure fails some behaviours more often than others. One finding per round: of the levels that differ, the
 * one that explains most is reported and its calls are left out of the next round, so that a tool is not named for one of
 * its commands.
 */
export async function risk(ledger: Ledger, scope: Scope, now = new Date()): Promise<Risk> {
  await createExposures(ledger, scope, now);
  const { findings, levels, compared } = await search(ledger);
  const steps = await stepRates(ledger, scope);
  const total = await totals(ledger);
  const { calls, failures, undetermined, units } = total;
  const sum = (pick: (step: StepRate) => number): number => steps.reduce((all, step) => all + pick(step), 0);
  return {
    unit: total.hours > 0 ? 'window' : 'step',
    ...{ units, calls, failures, compared },
    smallest: SHARES.map((share) => ({ share, ratio: smallestRatio(share, failures, units, ALPHA) })),
    ...{ findings, levels, steps },
    excluded: rate(
      sum((step) => step.excluded),
      sum((step) => step.rollouts),
    ),
    undetermined: rate(undetermined, calls),
    excludedTrend: clearestTrend(steps, ({ excluded }) => excluded),
    undeterminedTrend: clearestTrend(steps, (step) => step.undetermined),
    worstSteps: steps
      .toSorted((a, b) => b.excluded / b.rollouts - a.excluded / a.rollouts)
      .slice(0, 5)
      .filter((step) => step.excluded > 0),
  };
}

interface Totals {
  readonly calls: number;
  readonly failures: number;
  readonly undetermined: number;
  /** Steps and hours of long steps that had a failure. */
  readonly units: number;
  readonly hours: number;
}

async function totals(ledger: Ledger): Promise<Totals> {
  const [row] = await ledger.rows<Totals>(`SELECT count(*) AS calls, count(*) FILTER (failed) AS failures,
    count(*) FILTER (attribution = 'undetermined') AS undetermined, count(*) FILTER (since_step_s >= 3600) AS hours,
    count(DISTINCT (job, step, floor(greatest(0, since_step_s) / 3600))) FILTER (failed) AS units FROM exposures`);
  return row ?? { calls: 0, failures: 0, undetermined: 0, units: 0, hours: 0 };
}

/** Jobs are not pooled: two jobs that differ, one after the other, are no trend. The number of jobs is corrected for. */
function clearestTrend(steps: readonly StepRate[], of: (step: StepRate) => number): JobTrend | null {
  const jobs = [...Map.groupBy(steps, ({ job }) => job)];
  const trends = jobs.flatMap(([job, ofJob], index) => {
    const along = trend(ofJob.map((step) => of(step) / step.rollouts));
    return along === null ? [] : [{ job, ...along, p: Math.min(1, along.p * (index + 1) * (index + 2)) }];
  });
  return trends.toSorted((a, b) => a.p - b.p || b.correlation - a.correlation)[0] ?? null;
}

async function search(ledger: Ledger): Promise<Pick<Risk, 'findings' | 'levels' | 'compared'>> {
  const findings: RiskFinding[] = [];
  let levels: readonly Comparison[] | null = null;
  let compared = 0;
  while (findings.length < MOST_FINDINGS) {
    const dropped = findings.map(isLevel).join(' OR ') || 'false';
    const comparisons = compare(await contrasts(ledger, dropped));
    levels ??= comparisons;
    compared = Math.max(compared, comparisons.length);
    const standing = comparisons.filter((one) => one.ratio > 1 && one.adjustedP < ALPHA);
    const [best] = standing.toSorted((a, b) => b.explains - a.explains);
    if (best === undefined) break;
    findings.push(await detail(ledger, best, dropped));
  }
  return { findings, levels: levels ?? [], compared };
}

const isLevel = ({ dimension, level }: { dimension: Dimension; level: string }): string =>
  `${dimension} IS NOT DISTINCT FROM ${quote(level)}`;

async function detail(ledger: Ledger, best: Comparison, dropped: string): Promise<RiskFinding> {
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
  const examples = await ledger.rows<{ rollout: string }>(
    `SELECT rollout ${from} AND failed AND ${is} ORDER BY began_at DESC LIMIT 3`,
  );
  const { hits, calls, rest_hits, rest_calls } = counts ?? { hits: 0, calls: 0, rest_hits: 0, rest_calls: 0 };
  return {
    ...best,
    rate: rate(hits, calls),
    rest: rate(rest_hits, rest_calls),
    usage: await usageOf(ledger, best, dropped),
    examples: examples.map(({ rollout }) => rollout),
  };
}

async function usageOf(ledger: Ledger, best: Comparison, dropped: string): Promise<RiskFinding['usage']> {
  const is = isLevel(best);
  const found = await ledger.rows<{
    job: string;
    share: number;
  }>(`WITH kept AS (SELECT * FROM exposures WHERE NOT (${dropped})),
      most AS (SELECT job FROM kept WHERE failed AND ${is} GROUP BY job ORDER BY count(*) DESC, job LIMIT 1)
    SELECT job, count(*) FILTER (${is}) / count(*) AS share FROM kept JOIN most USING (job) GROUP BY job, step ORDER BY step`);
  const shares = found.map(({ share }) => share);
  const along = trend(shares);
  const [first] = found;
  if (along === null || first === undefined) return null;
  const fifth = Math.ceil(shares.length / 5);
  const mean = (part: readonly number[]): number => part.reduce((sum, one) => sum + one, 0) / part.length;
  return {
    job: first.job,
    early: mean(shares.slice(0, fifth)),
    late: mean(shares.slice(-fifth)),
    trend: along,
  };
}

function stepRates(ledger: Ledger, scope: Scope): Promise<StepRate[]> {
  return ledger.rows(`SELECT job, step, count(*) AS rollouts, count(*) FILTER (verdict = 'exclude') AS excluded,
    count(*) FILTER (undetermined_calls > 0) AS undetermined
    FROM rollouts WHERE ${condition(scope, 'opened_at')} GROUP BY job, step ORDER BY min(opened_at)`);
}

const rate = (hits: number, of: number): Rate => ({ hits, of, ...wilson(hits, of) });
