import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileJournal, type FileJournalOptions } from '../../../src/journal/file-journal.ts';
import type { Journal, Position } from '../../../src/journal/journal.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { note, temporaryFolder } from './temporary.ts';

const open = (dataDir: string, options: Partial<FileJournalOptions> = {}): Promise<FileJournal> =>
  FileJournal.open({ dataDir, clock: systemClock, ...options });

/** Rollout numbers in the order in which the journal tells them. */
async function told(journal: Journal): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { event, position } of journal.events()) {
    if (event.type !== 'attempt_failed') continue;
    expect(await journal.read(position)).toEqual(event);
    numbers.push(Number(event.rollout.slice(1)));
  }
  return numbers;
}

const files = (dataDir: string): string[] =>
  readdirSync(join(dataDir, 'journal')).map((name) => join(dataDir, 'journal', name));
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('what is recorded', () => {
  test('a thousand concurrent appends keep their order and are there after a restart', async () => {
    using folder = temporaryFolder();
    {
      await using journal = await open(folder.path);
      const appended = range(1000).map((number) =>
        journal.append(note(number), { durable: number % 3 === 0 }),
      );
      const positions = await Promise.all(appended);
      expect(await journal.read(positions[500] as Position)).toMatchObject({ rollout: 'r500' });
    }
    await using journal = await open(folder.path);
    expect(await told(journal)).toEqual(range(1000));
    expect(journal.skippedLines).toBe(0);
  });

  test('what the model printed comes back as it was', async () => {
    using folder = temporaryFolder();
    await using journal = await open(folder.path);
    const text = 'a\0b\n\u2028\ud800 "🙂" \ufffd{"type":"rollout_ended"}\n';
    const position = await journal.append(note(1, text), { durable: true });
    expect(await journal.read(position)).toMatchObject({ message: text.toWellFormed() });
    expect(await told(journal)).toEqual([1]);
  });

  test('each process writes a file of its own, which only its user can read', async () => {
    using folder = temporaryFolder();
    for (const number of [1, 2]) {
      await using journal = await open(folder.path);
      await journal.append(note(number), { durable: true });
    }
    expect(files(folder.path).map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  test('a process that records nothing leaves no file', async () => {
    using folder = temporaryFolder();
    {
      await using journal = await open(folder.path);
      await journal.flush();
    }
    expect(files(folder.path)).toEqual([]);
  });

  test('files are ordered by their number even where the clock went back', async () => {
    using folder = temporaryFolder();
    for (const [number, now] of [
      [1, 2e12],
      [2, 1e12],
    ] as const) {
      await using journal = await open(folder.path, { clock: { ...systemClock, now: () => now } });
      await journal.append(note(number), { durable: true });
    }
    await using journal = await open(folder.path);
    expect(await told(journal)).toEqual([1, 2]);
  });

  test('a full file is followed by another, and replay crosses them in order', async () => {
    using folder = temporaryFolder();
    await using journal = await open(folder.path, { rotateBytes: 1000 });
    for (const number of range(20)) await journal.append(note(number, 'x'.repeat(100)), { durable: false });
    expect(files(folder.path).length).toBeGreaterThan(3);
    for (const file of files(folder.path)) expect(statSync(file).size).toBeLessThanOrEqual(1000);
    expect(await told(journal)).toEqual(range(20));
  });
});

describe('after a crash', () => {
  test('a line torn at any byte is passed over, and everything before and after it is kept', async () => {
    using folder = temporaryFolder();
    {
      await using journal = await open(folder.path);
      for (const number of [1, 2]) await journal.append(note(number), { durable: true });
    }
    const [file = ''] = files(folder.path);
    const whole = readFileSync(file);
    const secondLine = whole.indexOf('\n') + 1;
    for (let size = secondLine + 1; size < whole.length; size += 7) {
      truncateSync(file, size);
      await using journal = await open(folder.path);
      expect(await told(journal)).toEqual([1]);
      expect(journal.skippedLines).toBe(1);
    }
    await using journal = await open(folder.path);
    await journal.append(note(3), { durable: true });
    expect(await told(journal)).toEqual([1, 3]);
  });

  test.each([
    ['foreign text', 'hello\n'],
    ['an event of another kind', '{"type":"coffee","at":"2026-01-01T00:00:00Z"}\n'],
    ['an event without a field', '{"type":"controller_stopped","at":"2026-01-01T00:00:00Z"}\n'],
    ['zeros from a lost block', `${'\0'.repeat(4096)}\n`],
    ['an endless line', `${'x'.repeat(3_000_000)}\n`],
    ['invalid UTF-8', Buffer.from([0xff, 0x0a])],
  ])('%s in the middle hides nothing behind it', async (_what, junk) => {
    using folder = temporaryFolder();
    {
      await using journal = await open(folder.path);
      await journal.append(note(1), { durable: true });
    }
    const [file = ''] = files(folder.path);
    const first = readFileSync(file);
    appendFileSync(file, junk);
    appendFileSync(file, first);
    await using journal = await open(folder.path, { maxLineBytes: 2_000_000 });
    expect(await told(journal)).toEqual([1, 1]);
    expect(journal.skippedLines).toBe(1);
  });

  test('files that are not ours are left alone', async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'journal'));
    writeFileSync(join(folder.path, 'journal', 'notes.jsonl'), 'hello\n');
    await using journal = await open(folder.path);
    expect(await told(journal)).toEqual([]);
    expect(journal.skippedLines).toBe(0);
  });
});

describe('what is refused', () => {
  test('a second controller in the same data folder, until the first is gone', async () => {
    using folder = temporaryFolder();
    {
      await using first = await open(folder.path);
      await first.append(note(1), { durable: true });
      await expect(open(folder.path)).rejects.toMatchObject({ name: 'JournalError', code: 'in_use' });
    }
    await using second = await open(folder.path);
    expect(await told(second)).toEqual([1]);
  });

  test('a controller killed without notice leaves no lock behind', async () => {
    using folder = temporaryFolder();
    const lock = new URL('../../../src/journal/lock.ts', import.meta.url).href;
    const script = `const { lockFolder } = await import(${JSON.stringify(lock)});
      lockFolder(${JSON.stringify(folder.path)});
      try { lockFolder(${JSON.stringify(folder.path)}) } catch (error) { console.log(error.code) }
      process.kill(process.pid, 'SIGKILL');`;
    const killed = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: 'in_use\n' });
    await using journal = await open(folder.path);
    await journal.append(note(1), { durable: true });
  });

  test('an event too large for a line, without harm to the others', async () => {
    using folder = temporaryFolder();
    await using journal = await open(folder.path, { maxLineBytes: 1000 });
    const large = journal.append(note(1, 'x'.repeat(1000)), { durable: true });
    await expect(large).rejects.toMatchObject({ code: 'too_large' });
    await journal.append(note(2), { durable: true });
    expect(await told(journal)).toEqual([2]);
  });

  test('more than memory may hold, and the next one is taken again', async () => {
    using folder = temporaryFolder();
    await using journal = await open(folder.path, { maxQueuedBytes: 2000 });
    const all = await Promise.allSettled(
      range(50).map((number) => journal.append(note(number), { durable: true })),
    );
    expect(all.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } });
    await journal.append(note(99), { durable: true });
    expect((await told(journal)).at(-1)).toBe(99);
  });

  test('an append after the end', async () => {
    using folder = temporaryFolder();
    const journal = await open(folder.path);
    await journal[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
    await expect(journal.append(note(1), { durable: true })).rejects.toMatchObject({ code: 'closed' });
  });

  test.each([
    ['beyond the end', { file: 'FILE', offset: 10_000, bytes: 100 }],
    ['inside a line', { file: 'FILE', offset: 3, bytes: 50 }],
    ['in a file that is gone', { file: '20260101T000000000Z-000099.jsonl', offset: 0, bytes: 10 }],
    ['outside the journal', { file: '../controller.lock', offset: 0, bytes: 10 }],
  ])('a position %s', async (_what, position) => {
    using folder = temporaryFolder();
    await using journal = await open(folder.path);
    const { file } = await journal.append(note(1), { durable: true });
    const wrong = { ...position, file: position.file.replace('FILE', file) };
    await expect(journal.read(wrong)).rejects.toMatchObject({ code: 'unreadable' });
  });
});
