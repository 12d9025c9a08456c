import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { FileJournal } from '../../../src/journal/file-journal.ts';
import { indexFile, VerdictIndex } from '../../../src/rollouts/verdict-index.ts';
import { Life, loseFile, prune, removeIndex } from './verdict-history.ts';

async function lifeWithFiles(calls: number): Promise<Life> {
  const life = await Life.first();
  for (let nth = 0; nth < calls; nth += 1)
    await life.call(await life.rollout(`r${String(nth)}`, 'a'), 'c', 'completed');
  await life.index.count();
  return life;
}

test('a gap stays until the operator accepts it, also when the index is made again', async () => {
  let life = await lifeWithFiles(12);
  life = await life.killed(false, (dataDir) => {
    prune(dataDir);
    removeIndex(dataDir);
  });
  expect(life.index.status).toMatchObject({ complete: false, why: 'journal_begins_late' });
  life = await life.killed(false, () => undefined);
  expect(life.index.status.complete).toBe(false);
  await life.index.acceptGap();
  expect(life.index.status.complete).toBe(true);
  life = await life.killed(false, () => undefined);
  expect(life.index.status.complete).toBe(true);
  await life.end();
});

test('what the operator accepted once does not cover a later loss', async () => {
  let life = await lifeWithFiles(12);
  await life.index.acceptGap();
  life = await life.killed(false, (dataDir) => {
    loseFile(dataDir, 0);
    removeIndex(dataDir);
  });
  expect(life.index.status.complete).toBe(false);
  await life.end();
});

test('a file that is removed while the server runs is not noticed before the next start, and is then', async () => {
  let life = await lifeWithFiles(12);
  const [first] = await life.journal.files();
  life = await life.killed(false, (dataDir) => {
    rmSync(`${dataDir}/journal/${first?.name ?? ''}`);
  });
  expect(life.index.status.complete).toBe(true); // The index had read it.
  await life.end();
});

test('damage that a question finds while the journal is read leaves no verdict out', async () => {
  const life = await lifeWithFiles(3);
  await life.index[Symbol.asyncDispose]();
  const { clock } = life;
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-history-'));
  for (const part of ['journal', 'verdicts.db'])
    cpSync(join(life.dataDir, part), join(dataDir, part), { recursive: true });
  await life.end();
  const file = new DatabaseSync(indexFile(dataDir));
  file.exec("UPDATE rollouts SET crc = crc + 1 WHERE id = 'r0'");
  file.close();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  await using journal = await FileJournal.open({ dataDir, clock });
  await using index = VerdictIndex.open({ dataDir, journal, firstStart: false, clock, log });
  const reading = index.catchUp(); // There is nothing to read but what the damaged file has.
  expect(index.find('r0', 'a')).toEqual({ kind: 'unknown', why: 'catching_up' });
  await reading;
  expect(['r0', 'r1', 'r2'].map((id) => index.find(id, 'a').kind)).toEqual(['kept', 'kept', 'kept']);
});
