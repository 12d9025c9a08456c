import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Ledger } from '../../../src/report/ledger.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'faultline-cache-'));
  mkdirSync(join(dataDir, 'journal'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

const fileOf = (number: number): string =>
  join(dataDir, 'journal', `20260601T000000000Z-00000${String(number)}.jsonl`);
const ending = (call: string): string =>
  `${JSON.stringify({
    at: '2026-06-01T00:00:00Z', type: 'call_finished', rollout: 'r', call, tool: 'shell', number: 1, argumentsSha256: 'f',
    outcome: { attribution: 'ok', cause: 'completed', executed: 'yes' }, evidence: { kind: 'ended' }, status: 200, output: 'x',
    result: { exit_code: 3 }, durationMs: 5,
  })}\n`; // prettier-ignore

async function calls(depth: 'light' | 'whole' = 'light'): Promise<unknown[]> {
  using ledger = await Ledger.open(dataDir, depth);
  const rows = await ledger.rows('SELECT call, attribution, exit_code FROM calls ORDER BY call');
  expect(rows.every(({ attribution, exit_code }) => attribution === 'ok' && exit_code === 3)).toBe(true);
  return rows.map(({ call }) => call);
}

const copies = (): string[] => readdirSync(join(dataDir, 'report-cache')).sort();

test('closed files are copied once, the newest never, and both are read', async () => {
  writeFileSync(fileOf(1), ending('a'));
  writeFileSync(fileOf(2), ending('b'));
  writeFileSync(fileOf(3), ending('c'));
  expect(await calls()).toEqual(['a', 'b', 'c']);
  const first = copies();
  expect(first).toHaveLength(2);
  appendFileSync(fileOf(3), ending('d'));
  expect(await calls()).toEqual(['a', 'b', 'c', 'd']);
  expect(copies()).toEqual(first);
});

test('a file that changed or went away is not answered from its old copy', async () => {
  writeFileSync(fileOf(1), ending('a'));
  writeFileSync(fileOf(2), ending('b'));
  writeFileSync(fileOf(3), ending('c'));
  await calls();
  appendFileSync(fileOf(1), ending('a2'));
  rmSync(fileOf(2));
  expect(await calls()).toEqual(['a', 'a2', 'c']);
  expect(copies()).toHaveLength(1);
});

test('a copy that is no Parquet is an error, not a shorter report; without the folder it is made again', async () => {
  writeFileSync(fileOf(1), ending('a'));
  writeFileSync(fileOf(2), ending('b'));
  await calls();
  writeFileSync(join(dataDir, 'report-cache', copies()[0] ?? ''), 'torn');
  await expect(calls()).rejects.toThrow();
  rmSync(join(dataDir, 'report-cache'), { recursive: true });
  expect(await calls()).toEqual(['a', 'b']);
});

test('one file alone needs no cache, and whole reading never uses it', async () => {
  writeFileSync(fileOf(1), ending('a'));
  expect([await calls(), await calls('whole')]).toEqual([['a'], ['a']]);
  expect(readdirSync(dataDir)).toEqual(['journal']);
});
