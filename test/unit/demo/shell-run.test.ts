import { describe, expect, it } from 'vitest';
import { inParallel } from '../../demo/in-parallel.ts';
import { percentile } from '../../demo/report.ts';
import { seenBy } from '../../demo/shell-run.ts';

const result = { exit_code: 0, signal: null, stdout: '', stderr: '', truncated: false, notice: null };

describe('what a native answer says of a command', () => {
  it('is a death by signal in the form of a shell', () => {
    expect(seenBy({ ...result, exit_code: null, signal: 'SIGKILL' }).exitCode).toBe(137);
    expect(seenBy({ ...result, exit_code: null, signal: 'SIGTERM' }).exitCode).toBe(143);
  });

  it('is no exit code where the time limit ended it', () => {
    expect(
      seenBy({ ...result, exit_code: null, signal: 'SIGKILL', notice: 'timed out after 20 s' }).exitCode,
    ).toBeNull();
  });
});

describe('work in parallel', () => {
  const never = new AbortController().signal;

  it('is never wider than asked', async () => {
    let [running, most] = [0, 0];
    await inParallel([1, 2, 3, 4, 5, 6, 7], 3, never, async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    });
    expect(most).toBe(3);
  });

  it('starts nothing after a failure, and throws it', async () => {
    const started: number[] = [];
    const work = inParallel([1, 2, 3, 4, 5], 1, never, async (item) => {
      started.push(item);
      if (item === 2) throw new Error('two');
      return Promise.resolve();
    });
    await expect(work).rejects.toThrow('two');
    expect(started).toEqual([1, 2]);
  });

  it('starts nothing once stopped', async () => {
    const started: number[] = [];
    const stopped = AbortSignal.abort(new Error('stopped'));
    await expect(
      inParallel([1], 1, stopped, async (item) => Promise.resolve(void started.push(item))),
    ).rejects.toThrow();
    expect(started).toEqual([]);
  });
});

describe('percentile', () => {
  it('is a value that was measured, and 0 for none', () => {
    expect(percentile([3, 1, 2], 0.5)).toBe(2);
    expect(percentile([1, 2, 3, 4], 0.95)).toBe(4);
    expect(percentile([], 0.5)).toBe(0);
  });
});
