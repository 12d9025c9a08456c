import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
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
