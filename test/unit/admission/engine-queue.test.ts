import { describe, expect, it } from 'vitest';
import { Breaker } from '../../../src/admission/breaker.ts';
import { ConcurrencyLimit } from '../../../src/admission/concurrency-limit.ts';
import { EngineQueue } from '../../../src/admission/engine-queue.ts';
import type { PriorityClass } from '../../../src/admission/fair-queue.ts';
import { LiveSandboxes } from '../../../src/admission/live-sandboxes.ts';
import { QueueRefusal } from '../../../src/admission/queue-refusal.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

/** A queue whose work ends when the test says so. */
function queueOf(limit: number, cap = 1_000) {
  const clock = new ManualClock();
  const concurrency = new ConcurrencyLimit({ initial: limit, max: 64 });
  const live = new LiveSandboxes(cap);
  const breaker = new Breaker({ clock, ping: () => Promise.resolve(false), onChange: () => undefined });
  const queue = new EngineQueue({ clock, concurrency, breaker, live });
  const begun = new Map<string, PromiseWithResolvers<string>>();
  const ask = (
    id: string,
    priorityClass: PriorityClass = 'claim',
    refusal?: AbortSignal,
  ): Promise<string> => {
    const work = (): Promise<string> => {
      if (priorityClass !== 'removal') live.reserve();
      const ending = Promise.withResolvers<string>();
      begun.set(id, ending);
      return ending.promise;
    };
    return queue.runQueued({ id, priorityClass, job: 'job', retry: false }, work, refusal);
  };
  return { queue, concurrency, breaker, live, begun, ask, ids: () => [...begun.keys()] };
}

const refused = new QueueRefusal('withdrawn');

describe('the engine queue', () => {
  it('gives the capacity of work that failed to the next place', async () => {
    const { begun, ask, ids } = queueOf(1);
    const first = expect(ask('first')).rejects.toThrow('HTTP 500');
    const second = ask('second');
    expect(ids()).toEqual(['first']);
    begun.get('first')?.reject(new Error('HTTP 500'));
    await first;
    await settle();
    expect(ids()).toEqual(['first', 'second']);
    begun.get('second')?.resolve('done');
    expect(await second).toBe('done');
  });

  it('never runs the work of an abandoned place, and does not disturb work that has begun', async () => {
    const { queue, begun, ask, ids } = queueOf(1);
    const leaving = new AbortController();
    const first = ask('first', 'claim', leaving.signal);
    const second = expect(ask('second', 'claim', leaving.signal)).rejects.toBe(refused);
    leaving.abort(refused);
    await second;
    await expect(ask('third', 'claim', leaving.signal)).rejects.toBe(refused);
    expect([queue.waiting('claim'), queue.inFlight('claim')]).toEqual([0, 1]);
    begun.get('first')?.resolve('done');
    expect(await first).toBe('done');
    await settle();
    expect(ids()).toEqual(['first']);
    expect(queue.inFlight('claim')).toBe(0);
  });

  it('lets removals pass where the host is full, and starts after them', async () => {
    const { queue, live, begun, ask, ids } = queueOf(4, 1);
    void ask('one');
    void ask('two');
    void ask('removal', 'removal');
    expect(ids()).toEqual(['one', 'removal']);
    live.settle(null);
    queue.pump();
    expect(ids()).toEqual(['one', 'removal', 'two']);
    for (const ending of begun.values()) ending.resolve('done');
    await settle();
    expect(queue.saturated).toBe(false);
  });

  it('follows the concurrency limit down and up, with one limit for all priority classes', async () => {
    const { concurrency, begun, ask, ids } = queueOf(4);
    for (let nth = 1; nth <= 6; nth += 1) void ask(`claim-${String(nth)}`);
    void ask('removal', 'removal');
    expect(ids()).toHaveLength(4);
    concurrency.failed(); // from 4 to 2
    for (const nth of [1, 2]) begun.get(`claim-${String(nth)}`)?.resolve('done');
    await settle();
    expect(ids()).toHaveLength(4);
    begun.get('claim-3')?.resolve('done');
    await settle();
    expect(ids().slice(4)).toEqual(['claim-5']);
    for (const nth of [4, 5]) begun.get(`claim-${String(nth)}`)?.resolve('done');
    await settle();
    expect(ids().slice(5)).toEqual(['claim-6', 'removal']);
  });

  it('counts every start as saturated that begins because the limit has grown, so that it can grow on', async () => {
    const { queue, concurrency } = queueOf(1);
    const saturated: boolean[] = [];
    const start = (id: string): Promise<void> =>
      queue.runQueued({ id, priorityClass: 'claim', job: 'job', retry: false }, async () => {
        saturated.push(queue.saturated);
        await settle();
        if (id === 'first') concurrency.succeeded(70, true);
      });
    await Promise.all(['first', 'second', 'third'].map(start));
    expect(concurrency.limit).toBe(2);
    expect(saturated).toEqual([true, true, true]);
  });

  it('begins nothing but removals once it is closed, though the circuit is open', () => {
    const { queue, breaker, ask, ids } = queueOf(1);
    for (let fault = 0; fault < 5; fault += 1) breaker.failed();
    expect(breaker.state).toBe('open');
    void ask('claim');
    for (let nth = 1; nth <= 5; nth += 1) void ask(`removal-${String(nth)}`, 'removal');
    expect(ids()).toEqual([]);
    queue.close();
    expect(ids()).toEqual(['removal-1', 'removal-2', 'removal-3', 'removal-4']);
  });
});
