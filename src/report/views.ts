import { ATTRIBUTIONS, causes } from '../outcome/causes.ts';
import type { Depth } from './events.ts';
import { quote } from './quote.ts';

/** Rollouts of one job that open with gaps of at most this are one step of the training. */
const STEP_GAP_S = 60;

const EXCLUDING = Object.entries(causes)
  .filter(([, cause]) => cause.excludes)
  .map(([code]) => quote(code))
  .join(', ');

const first = (column: string): string => `arg_min(${column}, place) AS ${column}`;

const opened = `
  SELECT key, any_value(rollout) AS rollout, min("at") AS opened_at, ${['task', 'image', 'policy', 'job', 'row'].map(first).join(', ')}
  FROM events WHERE type = 'rollout_opened' GROUP BY key`;

const steps = `
  SELECT *, min(opened_at) OVER (PARTITION BY job, step) AS step_began_at
  FROM (SELECT * EXCLUDE (begins), sum(begins) OVER (PARTITION BY job ORDER BY opened_at, key)::INTEGER AS step
  FROM (SELECT *, CASE WHEN opened_at - lag(opened_at) OVER (PARTITION BY job ORDER BY opened_at, key)
    <= INTERVAL ${String(STEP_GAP_S)} SECOND THEN 0 ELSE 1 END AS begins FROM opened))`;

/** Only `whole` events have these; for `light` ones they would all be NULL, and grouping them takes time. */
const BULKY: Record<Depth, string> = {
  whole: 'any_value(given) AS given, arg_max(output, place) AS output, arg_max(evidence, place) AS evidence',
  light: 'NULL::VARCHAR AS given, NULL::VARCHAR AS output, NULL::JSON AS evidence',
};

/**
 * The events of each call as one row, by one grouping: joining them costs as much again. `arg_max` passes over NULL, so it
 * looks at endings where only these have the column.
 */
const pairs = (depth: Depth): string => `
  SELECT key, any_value(rollout) AS rollout, call, min(place) AS first_place, any_value(tool) AS tool, any_value(family) AS family, ${BULKY[depth]},
    max(place) FILTER (type = 'call_finished') AS finished_place, max(place) FILTER (type = 'call_intended') AS intended_place,
    max(place) FILTER (type = 'call_reopened') AS reopened_place, arg_max("at", place) FILTER (type = 'call_finished') AS ended_at,
    arg_max(attribution, place) AS attribution, arg_max(call_cause, place) AS cause, arg_max(executed, place) AS executed,
    arg_max(rules, place) AS rules, arg_max(evidence_kind, place) AS evidence_kind, arg_max(status, place) AS status,
    arg_max(duration_ms, place) AS duration_ms, coalesce(max(attempts), 1) AS attempts, arg_max(exit_code, place) AS exit_code,
    arg_max(output_bytes, place) AS output_bytes
  FROM events WHERE type IN ('call_intended', 'call_finished', 'call_reopened') GROUP BY key, call`;

/** What `faultline rejudge --write` replaced. */
const replaced = `
  SELECT key, call, max(place) AS place, arg_max(was_cause, place) AS was_cause, arg_max(attribution, place) AS attribution,
    arg_max(call_cause, place) AS cause, arg_max(executed, place) AS executed, arg_max(rules, place) AS rules
  FROM events WHERE type = 'rejudged' AND call IS NOT NULL GROUP BY key, call`;

/**
 * The final ending of a call is its last `call_finished`, unless the call was intended after it, or reopened after it and by
 * the controller of now: a restart forgets a call that was reopened and not intended. The rollout's verdict is folded from
 * the same endings (`rollouts/past-rollouts.ts`); `test/unit/report/endings.test.ts` compares them.
 */
const JUDGED = ['attribution', 'cause', 'executed', 'rules'];
const ENDED = ['ended_at', 'evidence_kind', 'status', 'duration_ms', 'exit_code', 'output_bytes', 'output', 'evidence']; // prettier-ignore
const judged = (column: string): string =>
  `CASE WHEN NOT final THEN NULL WHEN replaces THEN new_${column} ELSE ${column} END AS ${column}`;
const endings = `
  SELECT key, rollout, call, first_place, tool, family, given, attempts, ${JUDGED.map(judged).join(', ')},
    ${ENDED.map((column) => `CASE WHEN final THEN ${column} END AS ${column}`).join(', ')}
  FROM (SELECT p.* EXCLUDE (rules), coalesce(p.rules, 1) AS rules,
      coalesce(finished_place > greatest(intended_place, CASE WHEN reopened_place > started_place THEN reopened_place END, 0), false) AS final,
      coalesce(r.place > finished_place AND r.was_cause = p.cause, false) AS replaces, ${JUDGED.map((one) => `r.${one} AS new_${one}`).join(', ')}
    FROM pairs p LEFT JOIN replaced r USING (key, call), (SELECT coalesce(max(place), 0) AS started_place FROM events WHERE type = 'controller_started'))`;

/** Estimated. */
const TOKENS = '(output_bytes + 3) // 4';

/** A call without an ending is a row as well, with NULLs. `queued_ms` was NULL in 0.1.0 too; it goes in the next version. */
const calls = `
  SELECT p.rollout, p.call, s.job, s.task, s.image, s.policy, s.step, s.row,
    p.ended_at, p.ended_at - to_milliseconds(p.duration_ms) AS began_at,
    (epoch_ms(p.ended_at) - p.duration_ms - epoch_ms(s.step_began_at)) / 1000 AS since_step_s,
    p.tool, p.family, p.attribution, p.cause, p.executed,
    p.cause IN (${EXCLUDING}) AS excludes, p.evidence_kind, p.rules, p.status, p.duration_ms,
    NULL::DOUBLE AS queued_ms, p.attempts, p.exit_code, p.output_bytes, ${TOKENS} AS tokens,
    p.given AS arguments, p.output, p.evidence
  FROM endings p LEFT JOIN steps s USING (key)`;

const CLIENT = Object.entries(causes).filter(([, cause]) => cause.attribution === 'client').map(([code]) => quote(code)).join(', '); // prettier-ignore

/** Faulty requests, which are no calls. One that only the end of the rollout names counts as well: its own line was lost. */
const refused = `
  WITH lines AS (SELECT key, rollout, place, "at", lost_cause AS cause FROM events WHERE type = 'call_refused'),
    named AS (SELECT DISTINCT ON (key, cause) key, rollout, place, "at", unnest(reasons) AS cause
      FROM events WHERE type = 'rollout_ended')
  SELECT * FROM lines UNION ALL
  SELECT * FROM named WHERE cause IN (${CLIENT}) AND (key, cause) NOT IN (SELECT (key, cause) FROM lines)`;

const refusals = `
  SELECT key, count(*) AS refused, bool_or(cause IN (${EXCLUDING})) AS excluded,
    arg_min(cause, place) FILTER (cause IN (${EXCLUDING})) AS first_reason FROM refused GROUP BY key`;

/** A call that ended well in a rebuilt sandbox is counted as recovered alone, as in the verdict. */
const RECOVERED = "(attempts > 1 AND attribution IN ('ok', 'model'))";
const sums = `
  SELECT key, count(*) AS calls, count(*) FILTER (${RECOVERED}) AS recovered_calls, ${ATTRIBUTIONS.map(
    (one) => `count(*) FILTER (attribution = '${one}' AND NOT ${RECOVERED}) AS ${one}_calls`,
  ).join(', ')},
    count(*) FILTER (attribution IS NULL) AS pending_calls, bool_or(cause IN (${EXCLUDING})) AS excluded,
    arg_min(cause, first_place) FILTER (cause IN (${EXCLUDING})) AS first_reason,
    sum(${TOKENS}) AS tokens, sum(duration_ms) AS duration_ms
  FROM endings GROUP BY key`;

const lasts = `
  SELECT key, arg_min(lost_cause, place) FILTER (type = 'rollout_lost') AS recorded_cause,
    CASE WHEN arg_max(was_cause, place) = recorded_cause THEN arg_max(call_cause, place) FILTER (type = 'rejudged')
      ELSE recorded_cause END AS lost_cause,
    arg_max(how, place) AS how, arg_max("at", place) FILTER (type = 'rollout_ended') AS ended_at
  FROM events WHERE type IN ('rollout_lost', 'rollout_ended') OR (type = 'rejudged' AND call IS NULL) GROUP BY key`;

/** `calls` and `client_calls` count faulty requests too, as the verdict does. */
const COUNTED = [...ATTRIBUTIONS.flatMap((one) => (one === 'infra' ? ['recovered', one] : [one])), 'pending'];
const counted = (one: string): string =>
  `coalesce(c.${one}_calls, 0)${one === 'client' ? ' + coalesce(f.refused, 0)' : ''} AS ${one}_calls`;
const rollouts = `
  SELECT s.rollout, s.job, s.task, s.image, s.policy, s.step, s.row, s.opened_at, l.ended_at, l.how,
    CASE WHEN coalesce(c.excluded, false) OR coalesce(f.excluded, false) OR coalesce(l.lost_cause IN (${EXCLUDING}), false)
      THEN 'exclude' WHEN coalesce(c.pending_calls, 0) > 0 THEN 'pending' ELSE 'valid' END AS verdict,
    coalesce(c.first_reason, f.first_reason, l.lost_cause) AS reason,
    coalesce(c.calls, 0) + coalesce(f.refused, 0) AS calls, ${COUNTED.map(counted).join(', ')},
    coalesce(c.tokens, 0) AS tokens, coalesce(c.duration_ms, 0) AS duration_ms
  FROM steps s LEFT JOIN sums c USING (key) LEFT JOIN refusals f USING (key) LEFT JOIN lasts l USING (key)`;

const attempts = `
  SELECT e."at", e.rollout, e.call, s.job, s.task, s.image, s.step AS step, e.phase, e.code, e.message
  FROM events e LEFT JOIN steps s USING (key) WHERE e.type = 'attempt_failed'`;

const gradings = `
  SELECT e."at", e.rollout, coalesce(s.job, e.job) AS job, s.task, s.image, s.step, e.row, e.verdict, e.reasons, e.ending,
    e.score, e.tries, e.duration_ms
  FROM events e LEFT JOIN steps s USING (key) WHERE e.type = 'graded'`;

/** One row per training step. The view's name is public. */
const bursts = `
  SELECT job, step, min(opened_at) AS began_at, max(opened_at) AS last_opened_at, count(*) AS rollouts,
    count(*) FILTER (verdict = 'exclude') AS excluded, sum(calls) AS calls, sum(infra_calls) AS infra_calls
  FROM rollouts GROUP BY job, step`;

/** In the order in which they depend on each other. Those that the README does not document are parts of others. */
export const viewsOf = (depth: Depth): Readonly<Record<string, string>> => ({
  opened,
  steps,
  pairs: pairs(depth),
  replaced,
  endings,
  calls,
  refused,
  refusals,
  sums,
  lasts,
  rollouts,
  attempts,
  gradings,
  bursts,
});

/** Stored as tables for reports, which ask for them repeatedly. */
export const STORED: ReadonlySet<string> = new Set(['steps', 'endings', 'rollouts']);
