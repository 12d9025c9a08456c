import { describe, expect, it } from 'vitest';
import { compare, NOT_DETERMINISTIC, sameText } from '../../demo/compare.ts';
import type { Seen } from '../../demo/seen.ts';

const seen = (stdout: string, exitCode: number | null = 0, stderr = ''): Seen => ({
  stdout,
  stderr,
  exitCode,
});
const verdict = (command: string, ours: Seen, first: Seen, second = first) =>
  compare(command, ours, first, second).verdict;

describe('a result that is the same', () => {
  it('equals either of two plain runs', () => {
    expect(verdict('x', seen('a\n'), seen('a\n'))).toBe('equal');
    expect(verdict('x', seen('b\n'), seen('a\n'), seen('b\n'))).toBe('equal');
  });

  it('may have its middle left out, if beginning, end and count agree', () => {
    const whole = `${'a'.repeat(10)}${'é'.repeat(1000)}${'z'.repeat(10)}`;
    expect(sameText(`${'a'.repeat(10)}\n[2,000 bytes omitted]\n${'z'.repeat(10)}`, whole)).toBe(true);
    expect(sameText(`${'a'.repeat(10)}\n[1,999 bytes omitted]\n${'z'.repeat(10)}`, whole)).toBe(false);
    expect(sameText(`${'a'.repeat(10)}\n[2,000 bytes omitted]\n${'y'.repeat(10)}`, whole)).toBe(false);
    expect(sameText(`${'b'.repeat(10)}\n[2,000 bytes omitted]\n${'z'.repeat(10)}`, whole)).toBe(false);
  });
});

describe('a difference nobody may explain away', () => {
  it('is another exit code, whatever the command prints', () => {
    expect(verdict('date', seen('1\n', 1), seen('2\n'))).toBe('different');
    expect(verdict('ps', seen('', null), seen(''))).toBe('different');
  });

  it('is a stream that went elsewhere or lost its last newline', () => {
    expect(verdict('echo a', seen('', 0, 'a\n'), seen('a\n'))).toBe('different');
    expect(verdict('echo a', seen('a'), seen('a\n'))).toBe('different');
  });

  it('is a word that differs in a command with a clock', () => {
    expect(verdict('date; cat f', seen('Mon 1\nleft\n'), seen('Mon 2\nright\n'))).toBe('different');
  });

  it('is a number that differs in a command without clock or process id', () => {
    expect(verdict('wc -l f', seen('3 f\n'), seen('4 f\n'))).toBe('different');
  });

  it('is a line that both plain runs agree on, although another line is a matter of chance', () => {
    const [first, second] = [seen('same\n4711\n'), seen('same\n1147\n')];
    expect(verdict('x', seen('other\n1\n'), first, second)).toBe('different');
    expect(verdict('x', seen('same\n1\n', 2), first, second)).toBe('different');
    expect(verdict('x', seen('same\n1\n', 0, 'noise'), first, second)).toBe('different');
  });

  it('is the exit code of a find that did not walk /proc, or in the wrong direction', () => {
    expect(verdict('find /srv -name x', seen('', 1), seen(''))).toBe('different');
    expect(verdict('find / -name x', seen(''), seen('', 1))).toBe('different');
  });

  it('is a command that never ends, in one of the two, or with other beginnings', () => {
    expect(verdict('cat', seen('a', null), seen('a'))).toBe('different');
    expect(verdict('cat', seen('a', null), seen('b', null))).toBe('different');
    expect(verdict('grep -r x /srv', seen('', 0), seen('', null))).toBe('different');
    expect(verdict('grep -r x /', seen('/etc/x\n', 0), seen('/etc/y\n', null))).toBe('different');
  });

  it('names the first line that differs', () => {
    expect(compare('x', seen('a\nb\n'), seen('a\nc\n'), seen('a\nc\n')).reason).toBe(
      'stdout: line 2 is "b" instead of "c"',
    );
  });
});

describe('a difference with a reason', () => {
  it('is what differs between two plain runs', () => {
    const comparison = compare('x', seen('same\n1\n'), seen('same\n4711\n'), seen('same\n1147\n'));
    expect(comparison).toEqual({ verdict: 'explained', reason: NOT_DETERMINISTIC });
  });

  it('is a clock or a process id in a command that prints one', () => {
    expect(verdict('date', seen('Mon Jan  5 10:00:01\n'), seen('Tue Feb 16 11:10:00\n'))).toBe('explained');
    expect(verdict('find / -name x', seen('', 1, "find: '/proc/1/fd': Permission denied\n"), seen(''))).toBe(
      'explained',
    );
    expect(verdict('yes', seen('y\ny\n', null), seen('y\ny\ny\n', null))).toBe('explained');
    expect(verdict('yes', seen('y\n\n[2,000 bytes omitted]\ny\n', null), seen('y\ny\ny\n', null))).toBe(
      'explained',
    );
    expect(verdict('grep -rl "x" . | xargs', seen('', 127, 'xargs\n'), seen('', null, 'xargs\n'))).toBe(
      'explained',
    );
    expect(verdict('echo $$', seen('12\n'), seen('7\n'))).toBe('explained');
  });
});
