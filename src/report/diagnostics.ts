import type { Ledger } from './ledger.ts';
import { condition, type Scope } from './scope.ts';

export interface RowSignal {
  readonly row: string;
  readonly rollouts: number;
  readonly mean: number;
  readonly spread: number;
  readonly best: number;
}

export interface StepFigures {
  readonly job: string;
  readonly step: number;
  readonly rollouts: number;
  readonly reward: number | null;
  readonly calls_per_rollout: number;
  readonly tokens_per_call: number;
  readonly latency_ms: number;
  readonly tool_errors: number;
}

export const QUADRANTS = [
  'better, fewer calls',
  'better, more calls',
  'worse, fewer calls',
  'worse, more calls',
  'unchanged',
] as const;
export type Quadrant = (typeof QUADRANTS)[number];

export interface RowDelta {
  readonly row: string;
  readonly reward_delta: number;
  readonly calls_delta: number;
  readonly quadrant: Quadrant;
}

export interface Diagnostics {
  /** A row whose rollouts all have the same score gives no signal to learn from. */
  readonly rows: {
    readonly total: number;
    readonly without_spread: number;
    readonly all_zero: number;
    readonly list: readonly RowSignal[];
  };
  readonly steps: readonly StepFigures[];
  readonly deltas: {
    readonly from: number;
    readonly to: number;
    readonly kept: Deltas;
    readonly with_excluded: Deltas;
  } | null;
}

interface Deltas {
  readonly quadrants: Readonly<Record<Quadrant, number>>;
  readonly rows: readonly RowDelta[];
}

/** Scored gradings; the last one if a rollout was graded more than once. */
const SCORED = `(SELECT rollout, job, arg_max(row, "at") AS row, arg_max(score, "at") AS score FROM gradings
  WHERE score IS NOT NULL GROUP BY rollout, job)`;

/** Scores against tool calls: which rows give a signal, and whether more calls come with better scores. */
export async function diagnostics(
  ledger: Ledger,
  scope: Scope,
  between: readonly [number, number] | null,
): Promise<Diagnostics> {
  await ledger.run(`CREATE OR REPLACE TEMP TABLE scored AS SELECT r.rollout, r.job, r.step, s.row, r.verdict, r.calls, s.score
    FROM rollouts r JOIN ${SCORED} s USING (rollout, job) WHERE ${condition(scope, 'opened_at')}`);
  const steps = await stepFigures(ledger, scope);
  const graded = steps.filter(({ reward }) => reward !== null).map(({ step }) => step);
  const [first, last] = between ?? [Math.min(...graded), Math.max(...graded)];
  return {
    rows: await rowSignals(ledger),
    steps,
    deltas: first >= last ? null : {
      from: first,
      to: last,
      kept: await deltas(ledger, first, last, "verdict <> 'exclude'"),
      with_excluded: await deltas(ledger, first, last, 'true'),
    },
  }; // prettier-ignore
}

async function rowSignals(ledger: Ledger): Promise<Diagnostics['rows']> {
  const list = await ledger.rows<RowSignal>(`SELECT row, count(*) AS rollouts, avg(score) AS mean,
    stddev_pop(score) AS spread, max(score) AS best FROM scored WHERE verdict <> 'exclude' GROUP BY row ORDER BY spread, mean, row`);
  return {
    total: list.length,
    without_spread: list.filter((one) => one.spread === 0).length,
    all_zero: list.filter((one) => one.best === 0).length,
    list,
  };
}

/** The platform's four metrics per step, and the mean reward. A tool error is a call whose attribution is not ok. */
function stepFigures(ledger: Ledger, scope: Scope): Promise<StepFigures[]> {
  return ledger.rows(`SELECT r.job, r.step, count(DISTINCT r.rollout) AS rollouts, any_value(s.reward) AS reward,
      count(c.call) / count(DISTINCT r.rollout) AS calls_per_rollout, coalesce(avg(c.tokens), 0) AS tokens_per_call,
      coalesce(avg(c.duration_ms), 0) AS latency_ms,
      coalesce(count(*) FILTER (c.attribution <> 'ok') / nullif(count(c.call), 0), 0) AS tool_errors
    FROM rollouts r LEFT JOIN calls c ON c.rollout = r.rollout AND c.job = r.job
    LEFT JOIN (SELECT job, step, avg(score) AS reward FROM scored WHERE verdict <> 'exclude' GROUP BY ALL) s
      ON s.job = r.job AND s.step = r.step
    WHERE ${condition(scope, 'r.opened_at').replaceAll(/\b(job|task|image|step) =/g, 'r.$1 =')} GROUP BY r.job, r.step ORDER BY r.job, r.step`);
}

async function deltas(ledger: Ledger, from: number, to: number, which: string): Promise<Deltas> {
  const of = (step: number): string =>
    `(SELECT row, avg(score) AS score, avg(calls) AS calls FROM scored WHERE step = ${String(step)} AND ${which} GROUP BY row)`;
  const found = await ledger.rows<
    Omit<RowDelta, 'quadrant'>
  >(`SELECT a.row, b.score - a.score AS reward_delta,
    b.calls - a.calls AS calls_delta FROM ${of(from)} a JOIN ${of(to)} b USING (row) ORDER BY reward_delta, row`);
  const rows = found.map((one) => ({ ...one, quadrant: quadrantOf(one.reward_delta, one.calls_delta) }));
  const quadrants = Object.fromEntries(
    QUADRANTS.map((name) => [name, rows.filter((row) => row.quadrant === name).length]),
  );
  return { quadrants: quadrants as Record<Quadrant, number>, rows };
}

/** The same number of calls counts as fewer; the same reward is unchanged. */
export function quadrantOf(rewardDelta: number, callsDelta: number): Quadrant {
  if (rewardDelta === 0) return 'unchanged';
  return `${rewardDelta > 0 ? 'better' : 'worse'}, ${callsDelta > 0 ? 'more' : 'fewer'} calls`;
}
