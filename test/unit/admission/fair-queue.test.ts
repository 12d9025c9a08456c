import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue, type PriorityClass } from '../../../src/admission/fair-queue.ts';

function queueOf() {
  let now = 0;
  const open = { claim: true, refill: true, removal: true };
  const queue = new FairQueue({ isOpen: (priorityClass) => open[priorityClass], monotonic: () => now });
  const served: string[] = [];
  const add = (id: string, job: string, priorityClass: PriorityClass = 'claim', retry = false): void => {
    queue.add({ id, job, priorityClass, retry, begin: () => served.push(id) });
  };
  /** Serves one place. Returns whether there was one that may begin. */
  const serve = (): boolean => {
    const place = queue.next();
    place?.begin();
    return place !== null;
  };
  const all = (): string[] => {
    while (serve());
    return served;
  };
  return { queue, open, add, serve, all, served, later: (ms: number) => (now += ms) };
}

describe('the order of work', () => {
  it('lets a small job through beside a big one that came first', () => {
    const { add, all } = queueOf();
    for (let nth = 1; nth <= 4; nth += 1) add(`big-${String(nth)}`, 'big');
    add('small-1', 'small');
    add('small-2', 'small');
    expect(all()).toEqual(['big-1', 'small-1', 'big-2', 'small-2', 'big-3', 'big-4']);
  });

  it('does not let refills or removals go before a rollout that waits', () => {
    const { add, all } = queueOf();
    add('removal', 'x', 'removal');
    add('refill', 'x', 'refill');
    add('claim', 'x');
    expect(all()).toEqual(['claim', 'refill', 'removal']);
  });

  it('does not starve removals for good, or the host fills up', () => {
    const { add, serve, served, later } = queueOf();
    add('removal', 'x', 'removal');
    later(61_000);
    add('claim', 'x');
    serve();
    expect(served).toEqual(['removal']);
  });

  it('gives a failed start its old place back', () => {
    const { add, all } = queueOf();
    add('second', 'job');
    add('first', 'job', 'claim', true);
    expect(all()).toEqual(['first', 'second']);
  });

  it('keeps the order of a priority class that is closed for a while, and serves the others', () => {
    const { queue, open, add, all } = queueOf();
    open.claim = false;
    add('one', 'job');
    add('two', 'job');
    add('removal', 'x', 'removal');
    expect(all()).toEqual(['removal']);
    expect(queue.waiting('claim')).toBe(2);
    open.claim = true;
    add('late removal', 'x', 'removal');
    expect(all()).toEqual(['removal', 'one', 'two', 'late removal']);
  });

  it('forgets who left, and nobody else', () => {
    const { queue, add, all } = queueOf();
    add('one', 'job');
    add('two', 'job');
    queue.remove('one');
    queue.remove('never there');
    expect(all()).toEqual(['two']);
    expect(queue.position('two')).toBeNull();
  });

  it('tells every place exactly how many are served before it', () => {
    const jobs = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(jobs, fc.nat(5), (arrivals, alreadyServed) => {
        const { queue, add, serve, all, served } = queueOf();
        arrivals.forEach((job, index) => {
          add(String(index), `job-${String(job)}`);
        });
        for (let count = 0; count < alreadyServed; count += 1) serve();
        served.length = 0;
        const positions = arrivals.map((_job, index) => queue.position(String(index)));
        const order = all();
        positions.forEach((position, index) => {
          const actual = order.indexOf(String(index));
          expect(position).toBe(actual < 0 ? null : actual);
        });
      }),
    );
  });
});
