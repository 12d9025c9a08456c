import type { Contrasts } from './comparison.ts';
import {
  BEHAVIOURS,
  behaviourCells,
  PLACES,
  placeCells,
  windowIn,
  type BehaviourGroup,
  type Dimension,
  type PlaceGroup,
} from './contrasts.ts';
import type { Ledger } from './ledger.ts';
import { condition, type Scope } from './scope.ts';

/**
 * A call is compared once this time has passed since it began: longer than a call can take. So what was compared once does
 * not change any more, as the test requires.
 */
const SETTLED_S = 15 * 60;

/** A level is compared from its tenth call on. */
const LEAST_CALLS = 10;

/**
 * The table `exposures`: every call that could have failed because of infrastructure, and whether it did. A rollout counts up
 * to its first such failure, because later ones repeat it. If a call finds its sandbox lost, the failure is charged to the
 * call before, unless that one began too long ago.
 */
export async function createExposures(ledger: Ledger, scope: Scope, now: Date): Promise<void> {
  await ledger.run(`CREATE OR REPLACE TEMP TABLE ranked AS
    SELECT rollout, job, step, CASE WHEN cause <> 'unknown_tool' THEN tool END AS tool, image, task, cause, attribution, evidence_kind,
      began_at, ended_at, since_step_s, excludes, CASE WHEN tool = 'shell' THEN family END AS family,
      epoch_ms(began_at) - 1000 * since_step_s AS "stepBeganMs",
      row_number() OVER (PARTITION BY job, rollout ORDER BY began_at, call) AS n
    FROM calls WHERE attribution IS NOT NULL AND attribution <> 'client' AND job IS NOT NULL AND ${condition(scope, 'ended_at')}`);
  await ledger.run(`CREATE OR REPLACE TEMP TABLE exposures AS
    WITH linked AS (SELECT *, lag(family) OVER calls_of AS after, lag(began_at) OVER calls_of AS before_began, lead(began_at) OVER calls_of AS next_began
        FROM ranked WINDOW calls_of AS (PARTITION BY job, rollout ORDER BY n)),
      hits AS (SELECT job, rollout, n AS found, evidence_kind = 'lost_before' AND n > 1 AS earlier,
          date_diff('second', before_began, began_at) <= ${String(SETTLED_S)} AS recent
        FROM linked WHERE attribution = 'infra' OR cause = 'blind'
        QUALIFY row_number() OVER (PARTITION BY job, rollout ORDER BY n) = 1),
      kept AS (SELECT l.*, coalesce(l.n = h.found - earlier::INTEGER AND (NOT earlier OR recent), false) AS failed
        FROM linked l LEFT JOIN hits h ON h.job = l.job AND h.rollout = l.rollout WHERE found IS NULL OR n <= found - earlier::INTEGER)
    SELECT *, ${windowIn('since_step_s')} AS "begin",
      greatest("begin", ${windowIn(
        `(since_step_s + epoch(CASE WHEN failed AND attribution <> 'ok' THEN ended_at ELSE coalesce(next_began, ended_at) END - began_at))`,
      )}) AS "end",
      began_at <= '${now.toISOString()}'::TIMESTAMP - INTERVAL ${String(SETTLED_S)} SECOND AS settled
    FROM kept`);
}

/** What `compare` needs, without the calls that `dropped` (SQL) names. */
export async function contrasts(ledger: Ledger, dropped: string): Promise<Contrasts> {
  const groups = await behaviourGroups(ledger, dropped);
  return {
    byCall: behaviourCells(groups, 'call'),
    byTime: behaviourCells(groups, 'time'),
    places: placeCells(await placeGroups(ledger, dropped)),
    order: await levelsInOrder(ledger),
    firstDay: await firstDay(ledger),
  };
}

const isKept = (dropped: string): string => `settled AND NOT coalesce(${dropped}, false)`;

/** Only calls that share a window with a failure. */
function behaviourGroups(ledger: Ledger, dropped: string): Promise<BehaviourGroup[]> {
  return ledger.rows(`WITH kept AS (SELECT * FROM exposures WHERE ${isKept(dropped)}),
      hit AS (SELECT job, step, task, image, list_distinct(list("begin") || list("end")) AS windows FROM kept WHERE failed GROUP BY ALL)
    SELECT k.job, k.step, any_value("stepBeganMs")::BIGINT AS "stepBeganMs", k.task, k.image, tool, family, after, "begin", "end",
      count(*) AS calls, count(*) FILTER (failed) AS failed
    FROM kept k JOIN hit h ON h.job = k.job AND h.step = k.step AND h.task IS NOT DISTINCT FROM k.task AND h.image IS NOT DISTINCT FROM k.image
    WHERE len(list_filter(windows, lambda one: one BETWEEN "begin" AND "end")) > 0
    GROUP BY k.job, k.step, k.task, k.image, tool, family, after, "begin", "end"`);
}

/** Only steps with a failure. */
function placeGroups(ledger: Ledger, dropped: string): Promise<PlaceGroup[]> {
  return ledger.rows(`SELECT job, step, min("stepBeganMs")::BIGINT AS "stepBeganMs", task, image, count(*) AS calls,
      count(*) FILTER (failed) AS failed FROM exposures WHERE ${isKept(dropped)} GROUP BY job, step, task, image
    QUALIFY sum(count(*) FILTER (failed)) OVER (PARTITION BY job, step) > 0`);
}

/** The order depends on calls alone and not on failures, and it does not change afterwards. */
async function levelsInOrder(ledger: Ledger): Promise<Contrasts['order']> {
  const times = [...BEHAVIOURS, ...PLACES].map(
    (
      dimension,
    ) => `SELECT '${dimension}' AS dimension, ${dimension} AS level, min(began_at, ${String(LEAST_CALLS)}) AS first
      FROM exposures WHERE settled AND ${dimension} IS NOT NULL GROUP BY ${dimension}`,
  );
  return ledger.rows<{
    dimension: Dimension;
    level: string;
  }>(`SELECT dimension, level FROM (${times.join(' UNION ALL ')})
    WHERE len(first) = ${String(LEAST_CALLS)} ORDER BY first[${String(LEAST_CALLS)}], dimension, level`);
}

async function firstDay(ledger: Ledger): Promise<number> {
  const [row] = await ledger.rows<{ day: number }>(
    'SELECT coalesce(min(floor("stepBeganMs" / 86400000)), 0)::INTEGER AS day FROM exposures',
  );
  return row?.day ?? 0;
}
