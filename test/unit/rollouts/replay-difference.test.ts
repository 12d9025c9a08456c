import { describe, expect, it } from 'vitest';
import type { EventOf } from '../../../src/journal/event.ts';
import { difference, type RerunResult } from '../../../src/rollouts/replay-difference.ts';

function ended(
  stdout: string,
  more: Partial<{ exit: number; cut: boolean; cause: 'time_limit' }> = {},
): RerunResult {
  const stream = (text: string) => ({ bytes: text.length, sha256: text });
  return {
    outcome: { attribution: 'ok', cause: more.cause ?? 'completed', executed: 'yes' },
    result: {
      exit_code: more.exit ?? 0,
      signal: null,
      stdout,
      stderr: '',
      truncated: more.cut ?? false,
      notice: null,
      duration_ms: 1,
    },
    streams: { stdout: stream(stdout), stderr: stream('') },
  };
}

const compare = (first: RerunResult, again: RerunResult): string | null =>
  difference(first as unknown as EventOf<'call_finished'>, again);

describe('a replayed call', () => {
  it('that printed the same bytes is the same', () => {
    expect(compare(ended('a\n'), ended('a\n'))).toBeNull();
  });

  it.each([
    ['date', 'Tue Nov 24 10:35:46 UTC 2026', 'Wed Nov 25 00:01:02 UTC 2026'],
    ['date -R', 'Tue, 24 Nov 2026 10:35:46 +0000', 'Wed, 25 Nov 2026 01:00:00 +0000'],
    ['date -Is', '2026-11-24T10:35:46+00:00', '2026-11-25T10:35:47+00:00'],
    ['date +%s', '1795516546', '1795516999'],
    ['ls -l', '-rw-r--r-- 1 root root 4 Nov 24 10:35 log', '-rw-r--r-- 1 root root 4 Nov 24 10:41 log'],
    ['time', 'real\t0m0.005s', 'real\t0m0.012s'],
    ['pytest', '3 passed in 0.12s', '3 passed in 0.31s'],
  ])('may differ in what a clock printed: %s', (_what, first, again) => {
    expect(compare(ended(first), ended(again))).toBeNull();
  });

  it('is the same where the digests say so and another version has cut the text elsewhere', () => {
    const [first, again] = [ended('aü [1 bytes omitted] b'), ended('a [3 bytes omitted] b')];
    expect(compare(first, { ...again, ...(first.streams && { streams: first.streams }) })).toBeNull();
    const [file, other] = [
      ended(''),
      { ...ended('text of a file'), ...(ended('').streams && { streams: ended('').streams }) },
    ];
    expect(compare(file, other)).toBe('stdout differs');
  });

  it.each([
    ['a process id', 'started 4711', 'started 4712'],
    ['a random name', '/tmp/tmp.x8Qa', '/tmp/tmp.Lk2b'],
    ['an address', '<object at 0x7f12>', '<object at 0x7f13>'],
    [
      'a size beside a clock',
      '-rw-r--r-- 1 root root 4 Nov 24 10:35 log',
      '-rw-r--r-- 1 root root 5 Nov 24 10:35 log',
    ],
    ['a line more', 'a\n', 'a\na\n'],
  ])('differs by %s', (_what, first, again) => {
    expect(compare(ended(first), ended(again))).toBe('stdout differs');
  });

  it('differs by its status and by its ending', () => {
    expect(compare(ended(''), ended('', { exit: 1 }))).toBe('exit_code 1, first 0');
    expect(compare(ended(''), ended('', { cause: 'time_limit' }))).toBe(
      'ended as time_limit, first as completed',
    );
  });

  it('is not excused by clocks where part of its output was dropped', () => {
    const cut = { cut: true };
    expect(compare(ended('10:00', cut), ended('10:01', cut))).toBe('stdout differs');
    expect(compare(ended('10:00', cut), ended('10:00', cut))).toBeNull();
  });
});
