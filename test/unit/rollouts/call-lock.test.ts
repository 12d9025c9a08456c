import { describe, expect, it } from 'vitest';
import { Deadline } from '../../../src/kernel/deadline.ts';
import { CallLock } from '../../../src/rollouts/call-lock.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const minute = (clock: ManualClock): Deadline => Deadline.after(clock, 'turn_wait', 60_000);

describe('the call lock', () => {
  it('is held by one call after the other, in order of arrival', async () => {
    const clock = new ManualClock();
    const lock = new CallLock(1);
    const order: number[] = [];
    const call = async (n: number): Promise<void> => {
      using held = await lock.acquire(minute(clock));
      expect(held).not.toBeNull();
      order.push(n);
      await settle();
      order.push(n);
    };
    await Promise.all([1, 2, 3].map(call));
    expect(order).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('is never held by more calls than its width', async () => {
    const lock = new CallLock(2);
    let inside = 0;
    let most = 0;
    const call = async (): Promise<void> => {
      using held = await lock.acquire(minute(new ManualClock()));
      expect(held).not.toBeNull();
      inside += 1;
      most = Math.max(most, inside);
      await settle();
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, call));
    expect(most).toBe(2);
  });

  it('is refused to a call that waited too long, and then goes to the next one', async () => {
    const clock = new ManualClock();
    const lock = new CallLock(1);
    const first = await lock.acquire(minute(clock));
    const second = lock.acquire(Deadline.after(clock, 'turn_wait', 1_000));
    await clock.advance(1_000);
    expect(await second).toBeNull();
    first?.[Symbol.dispose]();
    expect(await lock.acquire(minute(clock))).not.toBeNull();
  });

  it('is released once, however often it is disposed', async () => {
    const clock = new ManualClock();
    const lock = new CallLock(1);
    const first = await lock.acquire(minute(clock));
    first?.[Symbol.dispose]();
    first?.[Symbol.dispose]();
    expect(await lock.acquire(minute(clock))).not.toBeNull();
    const third = lock.acquire(Deadline.after(clock, 'turn_wait', 10));
    await clock.advance(10);
    expect(await third).toBeNull();
  });
});
