import { ATTRIBUTIONS, causes } from '../outcome/causes.ts';
import type { Depth } from './events.ts';
import { quote } from './quote.ts';

/** Rollouts of one job that open with gaps of at most this are one step of the training. */
const STEP_GAP_S = 60;

const EXCLUDING = Object.entries(causes)
  .filter(([, cause]) => cause.excludes)
  .map(([code]) => quote(code))
  .join(', ');

const opened = `
  SELECT rollout, min("at") AS opened_at, any_value(task) AS task, any_value(image) AS image, any_value(policy) AS policy,
    any_value(job) AS job, any_value(row) AS row
  FROM events WHERE type = 'rollout_opened' GROUP BY rollout`;

const steps = `
  SELECT *, min(opened_at) OVER (PARTITION BY job, step) AS step_began_at
  FROM (SELECT * EXCLUDE (begins), sum(begins) OVER (PARTITION BY job ORDER BY opened_at, rollout)::INTEGER AS step
  FROM (SELECT *, CASE WHEN opened_at - lag(opened_at) OVER (PARTITION BY job ORDER BY opened_at, rollout)
    <= INTERVAL ${String(STEP_GAP_S)} SECOND THEN 0 ELSE 1 END AS begins FROM opened))`;

/** Only `whole` events have these; for `light` ones they would all be NULL, and grouping them takes time. */
const BULKY: Record<Depth, string> = {
  whole: 'any_value(given) AS given, arg_max(output, "at") AS output, arg_max(evidence, "at") AS evidence',
  light: 'NULL::VARCHAR AS given, NULL::VARCHAR AS output, NULL::JSON AS evidence',
};

/**
 * Intent and ending of each call as one row, by one grouping: joining them costs as much again. Of a call that was
 * reopened (`call_reopened`) the last ending counts, as in the server's verdict; `arg_max` passes over NULL.
 */
const pairs = (depth: Depth): string => `
  SELECT rollout, call, any_value(tool) AS tool, any_value(family) AS family, ${BULKY[depth]},
    max("at") FILTER (type = 'call_finished') AS ended_at, arg_max(attribution, "at") AS attribution,
    arg_max(call_cause, "at") AS cause, arg_max(executed, "at") AS executed, arg_max(evidence_kind, "at") AS evidence_kind,
    arg_max(status, "at") AS status, arg_max(duration_ms, "at") AS duration_ms,
    max(attempts) AS attempts, arg_max(exit_code, "at") AS exit_code, arg_max(output_bytes, "at") AS output_bytes
  FROM events WHERE type IN ('call_intended', 'call_finished') GROUP BY rollout, call`;

/** A call without an ending is a row as well, with NULLs. `queued_ms` was NULL in 0.1.0 too; it goes in the next version. */
const calls = `
  SELECT p.rollout, p.call, s.job, s.task, s.image, s.policy, s.step, s.row,
    p.ended_at, p.ended_at - to_milliseconds(p.duration_ms) AS began_at,
    (epoch_ms(p.ended_at) - p.duration_ms - epoch_ms(s.step_began_at)) / 1000 AS since_step_s,
    p.tool, p.family, p.attribution, p.cause, p.executed,
    p.cause IN (${EXCLUDING}) AS excludes, p.evidence_kind, p.status, p.duration_ms,
    NULL::DOUBLE AS queued_ms, coalesce(p.attempts, 1) AS attempts, p.exit_code, p.output_bytes, (p.output_bytes + 3) // 4 AS tokens,
    p.given AS arguments, p.output, p.evidence
  FROM pairs p LEFT JOIN steps s ON s.rollout = p.rollout`;

const sums = `
  SELECT rollout, count(*) AS calls, ${ATTRIBUTIONS.map(
    (one) => `count(*) FILTER (attribution = '${one}') AS ${one}_calls`,
  ).join(', ')},
    count(*) FILTER (attribution IS NULL) AS pending_calls, bool_or(excludes) AS excluded,
    arg_min(cause, ended_at) FILTER (excludes) AS first_reason,
    sum(tokens) AS tokens, sum(duration_ms) AS duration_ms, max(ended_at) AS last_at
  FROM calls GROUP BY rollout`;

const lasts = `
  SELECT rollout, any_value(lost_cause) AS lost_cause,
    arg_max(how, "at") FILTER (type = 'rollout_ended') AS how,
    bool_or(type = 'rollout_ended' AND verdict = 'exclude') AS ended_excluded,
    arg_max(reasons, "at") FILTER (type = 'rollout_ended') AS reasons, max("at") FILTER (type = 'rollout_ended') AS ended_at
  FROM events WHERE type IN ('rollout_lost', 'rollout_ended') GROUP BY rollout`;

const rollouts = `
  SELECT s.rollout, s.job, s.task, s.image, s.policy, s.step, s.row, s.opened_at, l.ended_at, l.how,
    CASE WHEN coalesce(c.excluded, false) OR coalesce(l.ended_excluded, false) OR coalesce(l.lost_cause IN (${EXCLUDING}), false)
      THEN 'exclude' WHEN coalesce(c.pending_calls, 0) > 0 THEN 'pending' ELSE 'valid' END AS verdict,
    coalesce(c.first_reason, l.lost_cause, l.reasons[1]) AS reason,
    coalesce(c.calls, 0) AS calls,
    ${[...ATTRIBUTIONS, 'pending'].map((one) => `coalesce(c.${one}_calls, 0) AS ${one}_calls`).join(', ')},
    coalesce(c.tokens, 0) AS tokens, coalesce(c.duration_ms, 0) AS duration_ms
  FROM steps s LEFT JOIN sums c USING (rollout) LEFT JOIN lasts l USING (rollout)`;

const attempts = `
  SELECT e."at", e.rollout, e.call, s.job, s.task, s.image, s.step AS step, e.phase, e.code, e.message
  FROM events e LEFT JOIN steps s USING (rollout) WHERE e.type = 'attempt_failed'`;

const gradings = `
  SELECT e."at", e.rollout, coalesce(s.job, e.job) AS job, s.task, s.image, s.step, e.row, e.verdict, e.reasons, e.ending,
    e.score, e.tries, e.duration_ms
  FROM events e LEFT JOIN steps s USING (rollout) WHERE e.type = 'graded'`;

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
  calls,
  sums,
  lasts,
  rollouts,
  attempts,
  gradings,
  bursts,
});

/** Stored as tables for reports, which ask for them repeatedly. */
export const STORED: ReadonlySet<string> = new Set(['steps', 'pairs', 'rollouts']);
