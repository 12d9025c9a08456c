import { join } from 'node:path';
import { listLogFiles } from '../journal/log-file.ts';
import { quote } from './quote.ts';

/** `whole`: with evidence, outputs and results. `light`: without them, for reports over many calls. */
export type Depth = 'whole' | 'light';

/** Longest line that DuckDB takes; the journal's own limit is half of it. */
const LINE_BYTES = 32 * 2 ** 20;

/** Fields of all events, as far as analysis uses them. What a line doesn't have is NULL. */
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
  number: 'INTEGER',
  tool: 'VARCHAR',
  arguments: 'JSON',
  outcome: 'STRUCT(attribution VARCHAR, cause VARCHAR, executed VARCHAR)',
  status: 'INTEGER',
  output: 'VARCHAR',
  result: 'STRUCT(exit_code INTEGER, signal VARCHAR, truncated BOOLEAN, notice VARCHAR)',
  durationMs: 'DOUBLE',
  queuedMs: 'DOUBLE',
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

const SELECTION: Record<Depth, string> = {
  whole: `* REPLACE (output AS output), evidence->>'$.kind' AS evidence_kind, strlen(output) AS output_bytes`,
  light: `* REPLACE (NULL::VARCHAR AS output, NULL::JSON AS evidence),
          evidence.kind AS evidence_kind, strlen(output) AS output_bytes`,
};

/** SQL that reads all events where they lie. Torn and foreign lines are passed over. */
export async function journalSource(dataDir: string, depth: Depth): Promise<string> {
  const folder = join(dataDir, 'journal');
  const files = (await listLogFiles(folder)).map((file) => join(folder, file));
  const fields = { ...FIELDS, evidence: EVIDENCE[depth] };
  if (files.length === 0) return `SELECT ${SELECTION[depth]} FROM (${emptyTable(fields)})`;
  const columns = Object.entries(fields).map(([name, type]) => `"${name}": ${quote(type)}`);
  return `SELECT ${SELECTION[depth]} FROM read_json([${files.map(quote).join(', ')}], format = 'newline_delimited',
    ignore_errors = true, maximum_object_size = ${String(LINE_BYTES)}, columns = {${columns.join(', ')}})
    WHERE "type" IS NOT NULL AND "at" IS NOT NULL`;
}

function emptyTable(fields: Readonly<Record<string, string>>): string {
  const columns = Object.entries(fields).map(([name, type]) => `NULL::${type} AS "${name}"`);
  return `SELECT ${columns.join(', ')} WHERE false`;
}
