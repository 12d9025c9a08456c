import { describe, expect, it } from 'vitest';
import { Deadline } from '../../../src/kernel/deadline.ts';
import { CallLock } from '../../../src/rollouts/call-lock.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const minute = (clock: ManualClock): Deadline => Deadline.after(clock, 'turn_wait', 60_000);

describe('the line of turns', () => {
  it('lets calls in one after the other, in order of arrival', async () => {
    const clock = new ManualClock();
    const line = new CallLock(1);
    const order: number[] = [];
    const call = async (n: number): Promise<void> => {
      using turn = await line.take(minute(clock));
      expect(turn).not.toBeNull();
      order.push(n);
      await settle();
      order.push(n);
    };
    await Promise.all([1, 2, 3].map(call));
    expect(order).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('never lets more in than its width', async () => {
    const line = new CallLock(2);
    let inside = 0;
    let most = 0;
    const call = async (): Promise<void> => {
      using turn = await line.take(minute(new ManualClock()));
      expect(turn).not.toBeNull();
      inside += 1;
      most = Math.max(most, inside);
      await settle();
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, call));
    expect(most).toBe(2);
  });

  it('tells who waited too long, and does not lose the turn meant for it', async () => {
    const clock = new ManualClock();
    const line = new CallLock(1);
    const first = await line.take(minute(clock));
    const second = line.take(Deadline.after(clock, 'turn_wait', 1_000));
    await clock.advance(1_000);
    expect(await second).toBeNull();
    first?.[Symbol.dispose]();
    expect(await line.take(minute(clock))).not.toBeNull();
  });

  it('gives a turn back once, however often it is disposed', async () => {
    const clock = new ManualClock();
    const line = new CallLock(1);
    const first = await line.take(minute(clock));
    first?.[Symbol.dispose]();
    first?.[Symbol.dispose]();
    expect(await line.take(minute(clock))).not.toBeNull();
    const third = line.take(Deadline.after(clock, 'turn_wait', 10));
    await clock.advance(10);
    expect(await third).toBeNull();
  });
});
