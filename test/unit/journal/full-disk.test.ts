import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FileJournal } from '../../../src/journal/file-journal.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { note, temporaryFolder } from './temporary.ts';

/** A file system of 256 KiB, which takes root to mount. */
const folder = temporaryFolder();
const disk = join(folder.path, 'disk');
mkdirSync(disk);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]).status === 0;

afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  folder[Symbol.dispose]();
});

test.skipIf(!mounted)(
  'a full disk fails the appends of that moment, whole, and the journal goes on after',
  async () => {
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(160 * 1024));
    await using journal = await FileJournal.open({ dataDir: disk, clock: systemClock });
    await journal.append(note(1), { durable: true });
    const large = [2, 3, 4].map((number) =>
      journal.append(note(number, 'x'.repeat(40_000)), { durable: true }),
    );
    for (const { status } of await Promise.allSettled(large)) expect(status).toBe('rejected');
    await expect(journal.append(note(5, 'x'.repeat(120_000)), { durable: true })).rejects.toMatchObject({
      code: 'not_written',
      cause: { code: 'ENOSPC' },
    });
    rmSync(ballast);
    await journal.append(note(6), { durable: true });

    const told: string[] = [];
    for await (const { event } of journal.events()) if ('rollout' in event) told.push(String(event.rollout));
    expect(told).toEqual(['r1', 'r6']);
    expect(journal.skippedLines).toBe(0);
  },
);
