import { commandWords, familyOf } from './command-family.ts';
import { quote } from './quote.ts';

/** `whole`: with arguments, outputs and evidence. `light`: without them, for reports over many calls. */
export type Depth = 'whole' | 'light';

/** Longest line that DuckDB reads; the journal's own limit is half of it. */
const LINE_BYTES = 32 * 2 ** 20;

/** The fields of journal lines that analysis uses. A field that a line does not have is NULL. */
const FIELDS = {
  at: 'TIMESTAMP',
  type: 'VARCHAR',
  rollout: 'VARCHAR',
  call: 'VARCHAR',
  task: 'VARCHAR',
  image: 'VARCHAR',
  policy: 'VARCHAR',
  job: 'VARCHAR',
  item: 'JSON',
  tool: 'VARCHAR',
  arguments: 'JSON',
  outcome: 'STRUCT(attribution VARCHAR, cause VARCHAR, executed VARCHAR)',
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

/** Name of the dataset row: its own id, else a digest. The grader gate looks at the same fields in the same order. */
const ITEM_ROW = `CASE WHEN item IS NOT NULL THEN coalesce(
  ${['id', 'row_id', 'task_id', 'instance_id', 'index'].map((field) => `item->>'$.${field}'`).join(', ')},
  'row-' || md5(item::VARCHAR)[:16]) END`;

const COMMAND = `CASE WHEN type = 'call_intended' AND given LIKE '{%' AND json_valid(given) THEN given->>'$.command' END`;

/**
 * SQL that reads journal files as rows, one per event. Incomplete and foreign lines are skipped. Both depths have the same
 * columns, so rows of both can be combined.
 */
export function eventsIn(files: readonly string[], depth: Depth): string {
  const lines = files.length === 0 ? noLines(depth) : linesOf(files, depth);
  return `SELECT "at", type, rollout, call, task, image, policy, coalesce(item_row, row) AS row, job, tool,
      outcome.attribution AS attribution, outcome.cause AS call_cause, outcome.executed AS executed, status,
      result.exit_code AS exit_code, strlen(output) AS output_bytes, ${familyOf('words')} AS family,
      durationMs AS duration_ms, attempts, step AS phase, code, message, cause AS lost_cause, how,
      verdict, reasons, ending, score, tries, parse_filename(filename) AS file, ${BULKY[depth]}
    FROM (SELECT *, ${commandWords(COMMAND)} AS words
      FROM (SELECT *, ${ITEM_ROW} AS item_row, arguments->>'$' AS given FROM ${lines}))
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
