import { commandWords, familyOf } from './command-family.ts';
import { quote } from './quote.ts';
import { ROW_FUNCTION } from './row-function.ts';

/** `whole`: with arguments, outputs and evidence. `light`: without them, for reports over many calls. */
export type Depth = 'whole' | 'light';

/** Longest line that DuckDB reads; the journal's own limit is half of it. */
const LINE_BYTES = 32 * 2 ** 20;

/** The fields of journal lines that analysis uses. A field that a line does not have is NULL. */
const FIELDS = {
  at: 'TIMESTAMP',
  type: 'VARCHAR',
  rollout: 'VARCHAR',
  namedJob: 'VARCHAR',
  call: 'VARCHAR',
  task: 'VARCHAR',
  image: 'VARCHAR',
  policy: 'VARCHAR',
  job: 'VARCHAR',
  item: 'JSON',
  tool: 'VARCHAR',
  arguments: 'JSON',
  outcome: 'STRUCT(attribution VARCHAR, cause VARCHAR, executed VARCHAR)',
  rules: 'INTEGER',
  was: 'STRUCT(cause VARCHAR)',
  status: 'INTEGER',
  output: 'VARCHAR',
  result: 'STRUCT(exit_code INTEGER)',
  durationMs: 'DOUBLE',
  attempts: 'INTEGER',
  step: 'VARCHAR',
  code: 'VARCHAR',
  message: 'VARCHAR',
  cause: 'VARCHAR',
  how: 'VARCHAR',
  verdict: 'VARCHAR',
  reasons: 'VARCHAR[]',
  row: 'VARCHAR',
  ending: 'VARCHAR',
  score: 'DOUBLE',
  tries: 'INTEGER',
} as const;

const EVIDENCE: Record<Depth, string> = { whole: 'JSON', light: 'STRUCT(kind VARCHAR)' };

const BULKY: Record<Depth, string> = {
  whole: `output, given, evidence, evidence->>'$.kind' AS evidence_kind`,
  light: `NULL::VARCHAR AS output, NULL::VARCHAR AS given, NULL::JSON AS evidence, evidence.kind AS evidence_kind`,
};

/** Name of the dataset row. Version 0.1.0 did not record it: then the same function makes it from the item. */
const ROW = `coalesce(row, ${ROW_FUNCTION}(item::VARCHAR))`;

/** The event's position in the journal. Times can't order events: clocks are set back, and two events share a millisecond. */
const PLACE = `(regexp_extract(filename, '-(\\d+)\\.jsonl$', 1)::BIGINT << 32) + row_number() OVER ()`;

/** Identifies a rollout: its id, and the job that its requests name, since two jobs may use one id. */
const KEY = `CASE WHEN "namedJob" IS NULL THEN rollout ELSE rollout || chr(31) || "namedJob" END`;

const COMMAND = `CASE WHEN type = 'call_intended' AND given LIKE '{%' AND json_valid(given) THEN given->>'$.command' END`;

/**
 * SQL that reads journal files as rows, one per event, in the journal's order if DuckDB preserves the order of insertion.
 * Incomplete and foreign lines are skipped. Both depths have the same columns, so rows of both can be combined.
 */
export function eventsIn(files: readonly string[], depth: Depth): string {
  const lines = files.length === 0 ? noLines(depth) : linesOf(files, depth);
  return `SELECT "at", type, rollout, ${KEY} AS key, call, task, image, policy, ${ROW} AS row, job, tool, place, rules,
      outcome.attribution AS attribution, outcome.cause AS call_cause, outcome.executed AS executed, was.cause AS was_cause, status,
      result.exit_code AS exit_code, strlen(output) AS output_bytes, ${familyOf('words')} AS family,
      durationMs AS duration_ms, attempts, step AS phase, code, message, cause AS lost_cause, how,
      verdict, reasons, ending, score, tries, parse_filename(filename) AS file, ${BULKY[depth]}
    FROM (SELECT *, ${commandWords(COMMAND)} AS words
      FROM (SELECT *, ${PLACE} AS place, arguments->>'$' AS given FROM ${lines}))
    WHERE type IS NOT NULL AND "at" IS NOT NULL`;
}

const fieldsOf = (depth: Depth): (readonly [string, string])[] =>
  Object.entries({ ...FIELDS, evidence: EVIDENCE[depth] });

function linesOf(files: readonly string[], depth: Depth): string {
  const columns = fieldsOf(depth).map(([name, type]) => `"${name}": ${quote(type)}`);
  return `read_json([${files.map(quote).join(', ')}], format = 'newline_delimited', ignore_errors = true,
    maximum_object_size = ${String(LINE_BYTES)}, filename = true, columns = {${columns.join(', ')}})`;
}

function noLines(depth: Depth): string {
  const columns = fieldsOf(depth).map(([name, type]) => `NULL::${type} AS "${name}"`);
  return `(SELECT ${columns.join(', ')}, NULL::VARCHAR AS filename WHERE false)`;
}
