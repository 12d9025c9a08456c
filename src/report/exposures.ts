import type { Ledger } from './ledger.ts';
import { condition, type Scope } from './scope.ts';

/** The properties by which calls are compared. `after`: the command family of the call before. */
export const DIMENSIONS = ['tool', 'family', 'after', 'image', 'task', 'time'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

const TIME_BIN = `CASE WHEN since_step_s < 10 THEN 'first 10 s' WHEN since_step_s < 60 THEN '10 to 60 s'
  WHEN since_step_s < 300 THEN '1 to 5 min' WHEN since_step_s < 900 THEN '5 to 15 min' ELSE 'after 15 min' END`;

/** With fewer steps than this, windows of time are compared instead of steps. */
const LEAST_STEPS = 8;
const WINDOW_S = 300;

/**
 * The table `exposures`: every call that could have failed because of infrastructure, and whether it did. A rollout counts up
 * to its first such failure, because later ones repeat it. If a call finds its sandbox lost, the failure is charged to the
 * call before.
 */
export async function createExposures(ledger: Ledger, scope: Scope): Promise<'step' | 'window'> {
  await ledger.run(`CREATE OR REPLACE TEMP TABLE ranked AS
    SELECT rollout, job, step, CASE WHEN cause <> 'unknown_tool' THEN tool END AS tool, image, task, cause, attribution, evidence_kind, began_at, excludes,
      CASE WHEN tool = 'shell' THEN family END AS family, ${TIME_BIN} AS time,
      row_number() OVER (PARTITION BY rollout ORDER BY began_at, call) AS n
    FROM calls WHERE attribution IS NOT NULL AND attribution <> 'client' AND ${condition(scope, 'ended_at')}`);
  const [{ steps } = { steps: 0 }] = await ledger.rows<{ steps: number }>(
    'SELECT count(*) AS steps FROM (SELECT DISTINCT job, step FROM ranked)',
  );
  const unit = steps >= LEAST_STEPS ? 'step' : 'window';
  const cluster =
    unit === 'step' ? "job || '/' || step" : `(epoch(began_at) // ${String(WINDOW_S)})::VARCHAR`;
  await ledger.run(`CREATE OR REPLACE TEMP TABLE exposures AS
    WITH hits AS (SELECT rollout, min(n - CASE WHEN evidence_kind = 'lost_before' AND n > 1 THEN 1 ELSE 0 END) AS hit
      FROM ranked WHERE attribution = 'infra' OR cause = 'blind' GROUP BY rollout)
    SELECT r.*, ${cluster} AS cluster, lag(family) OVER (PARTITION BY rollout ORDER BY n) AS after,
      coalesce(n = hit, false) AS failed
    FROM ranked r LEFT JOIN hits USING (rollout) WHERE hit IS NULL OR n <= hit`);
  return unit;
}

/** Calls and failures of one level in one stratum, and of everything in that stratum. */
export interface Cell {
  readonly dimension: Dimension;
  readonly level: string;
  readonly cluster: string;
  readonly calls: number;
  readonly failed: number;
  readonly allCalls: number;
  readonly allFailed: number;
}

/**
 * Cells of strata that had a failure. Calls are compared within one step and time of the step, so that an incident, which
 * hits all calls of that moment alike, makes no difference between levels.
 */
export async function cells(ledger: Ledger, dropped: string): Promise<Cell[]> {
  const all = await Promise.all(DIMENSIONS.map((dimension) => cellsOf(ledger, dimension, dropped)));
  return all.flat();
}

function cellsOf(ledger: Ledger, dimension: Dimension, dropped: string): Promise<Cell[]> {
  const stratum = dimension === 'time' ? 'cluster' : 'cluster, time';
  const join = dimension === 'time' ? 'USING (cluster)' : 'USING (cluster, time)';
  return ledger.rows<Cell>(`
    WITH kept AS (SELECT * FROM exposures WHERE NOT (${dropped})),
      strata AS (SELECT ${stratum}, count(*) AS "allCalls", count(*) FILTER (failed) AS "allFailed"
        FROM kept WHERE ${dimension} IS NOT NULL GROUP BY ${stratum})
    SELECT '${dimension}' AS dimension, ${dimension} AS level, cluster, count(*) AS calls,
      count(*) FILTER (failed) AS failed, any_value("allCalls") AS "allCalls", any_value("allFailed") AS "allFailed"
    FROM kept JOIN strata ${join} WHERE ${dimension} IS NOT NULL AND "allFailed" > 0
    GROUP BY ${[...new Set([dimension, 'cluster', ...stratum.split(', ')])].join(', ')}`);
}
