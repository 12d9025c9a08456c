import { describe, expect, it } from 'vitest';
import { openAdmission } from '../../../src/admission/admission.ts';
import { QueueRefusal } from '../../../src/admission/queue-refusal.ts';
import { Deadline } from '../../../src/kernel/deadline.ts';
import { jobId, rolloutId } from '../../../src/kernel/ids.ts';
import {
  SandboxFault,
  type Sandbox,
  type SandboxEngine,
  type SandboxSpec,
} from '../../../src/sandbox/sandbox.ts';
import { noLog } from '../support/no-log.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const spec = {
  poolClass: 'image/policy',
  policy: { times: { sandbox_start: 60_000 } },
} as unknown as SandboxSpec;
const sandbox = { handle: { id: 'one' } } as Sandbox;
const job = jobId('a-job');
const cap = {
  cap: 1_000,
  boundBy: 'memory',
  by: { memory: 1_000, pids: 1_000, descriptors: 1_000 },
  poolBudget: 100,
} as const;

/** A queue over an engine whose starts the test answers by hand. */
function queueOf(concurrency: number) {
  const clock = new ManualClock();
  const starts: PromiseWithResolvers<Sandbox>[] = [];
  const engine = {
    start: () => {
      const start = Promise.withResolvers<Sandbox>();
      starts.push(start);
      return start.promise;
    },
  } as unknown as SandboxEngine;
  const pulls: PromiseWithResolvers<'pulled'>[] = [];
  const images = {
    provide: () => {
      const pull = Promise.withResolvers<'pulled'>();
      pulls.push(pull);
      return pull.promise;
    },
  };
  const faults: string[] = [];
  const log = noLog;
  const { starts: queue } = openAdmission({ engine, images, clock, log, startsAtOnce: concurrency, cap });
  let rollouts = 0;
  const take = (ms = 570_000, leave = new AbortController().signal): Promise<Sandbox> =>
    queue.startForRollout({
      spec,
      job,
      rollout: rolloutId(`rollout-${String((rollouts += 1))}`),
      deadline: Deadline.after(clock, 'queue_wait', ms),
      leave,
      onFault: (fault) => faults.push(fault.code),
    });
  return { clock, queue, starts, pulls, faults, take };
}

describe('the start queue', () => {
  it('never has more starts in flight than allowed', async () => {
    const { queue, starts, take } = queueOf(2);
    const all = Promise.all([take(), take(), take(), take(), take()]);
    await settle();
    expect(starts.length).toBe(2);
    expect(queue.load).toMatchObject({ waiting: 3, starting: 2 });
    for (let served = 0; served < 5; served += 1) {
      starts[served]?.resolve(sandbox);
      await settle();
    }
    expect(await all).toHaveLength(5);
  });

  it('retries infrastructure faults unseen, and records each', async () => {
    const { clock, starts, faults, take } = queueOf(1);
    const taken = take();
    for (let failure = 0; failure < 3; failure += 1) {
      await settle();
      starts[failure]?.reject(new SandboxFault('engine_error', 'HTTP 500'));
      await settle();
      await clock.advance(10_000);
    }
    starts[3]?.resolve(sandbox);
    expect(await taken).toBe(sandbox);
    expect(faults).toEqual(['engine_error', 'engine_error', 'engine_error']);
  });

  it("does not try the task's own fault twice", async () => {
    const { starts, take } = queueOf(1);
    const taken = expect(take()).rejects.toMatchObject({ code: 'image_broken' });
    await settle();
    starts[0]?.reject(new SandboxFault('image_broken', 'its working directory is a file'));
    await taken;
    expect(starts).toHaveLength(1);
  });

  it('does not try a sandbox policy twice whose limits the engine does not hold', async () => {
    const { starts, take } = queueOf(1);
    const taken = expect(take()).rejects.toMatchObject({ code: 'engine_error', lasting: true });
    await settle();
    starts[0]?.reject(new SandboxFault('engine_error', 'it holds no memory limit', { lasting: true }));
    await taken;
    expect(starts).toHaveLength(1);
  });

  it('sends away who waited too long, and starts nothing for it', async () => {
    const { clock, starts, take } = queueOf(1);
    const first = take();
    const second = expect(take(1_000)).rejects.toEqual(new QueueRefusal('expired'));
    await clock.advance(1_000);
    await second;
    starts[0]?.resolve(sandbox);
    await first;
    await settle();
    expect(starts).toHaveLength(1);
  });

  it('gives up with the last fault when the deadline leaves no time to try again', async () => {
    const { clock, starts, take } = queueOf(1);
    const taken = expect(take(50)).rejects.toMatchObject({ code: 'engine_down' });
    await settle();
    starts[0]?.reject(new SandboxFault('engine_down', 'ECONNREFUSED'));
    await clock.advance(50);
    await taken;
  });

  it('keeps nobody waiting when the server stops', async () => {
    const { queue, starts, take } = queueOf(1);
    const first = take();
    const second = expect(take()).rejects.toEqual(new QueueRefusal('closed'));
    await settle();
    queue.close();
    await second;
    starts[0]?.resolve(sandbox);
    expect(await first).toBe(sandbox);
  });

  it('shows a bug of ours as one instead of retrying it', async () => {
    const { starts, faults, take } = queueOf(1);
    const taken = expect(take()).rejects.toBeInstanceOf(TypeError);
    await settle();
    starts[0]?.reject(new TypeError('undefined is not a function'));
    await taken;
    expect(faults).toEqual([]);
  });
});

describe('an image that the engine has not got', () => {
  const missing = new SandboxFault('image_missing', 'no such image');

  it('is provided while another start has the place in flight, and then the start is tried again', async () => {
    const { starts, pulls, faults, take } = queueOf(1);
    const [first, second] = [take(), take()];
    await settle();
    starts[0]?.reject(missing);
    await settle();
    expect(starts).toHaveLength(2);
    starts[1]?.resolve(sandbox);
    pulls[0]?.resolve('pulled');
    await settle();
    starts[2]?.resolve(sandbox);
    await Promise.all([first, second]);
    expect(faults).toEqual([]);
  });

  it('is asked for again where its registry is away, later and later, and nobody is charged', async () => {
    const { clock, starts, pulls, faults, take } = queueOf(1);
    const taken = take();
    for (let failure = 0; failure < 3; failure += 1) {
      await settle();
      starts[failure]?.reject(missing);
      await settle();
      pulls[failure]?.reject(new SandboxFault('engine_error', 'connection refused'));
      await settle();
      await clock.advance(30_000);
    }
    starts[3]?.resolve(sandbox);
    expect(await taken).toBe(sandbox);
    expect(faults).toEqual(['engine_error', 'engine_error', 'engine_error']);
  });

  it.each([
    ['its registry knows none', 'reject', 1],
    ['the engine says so although it was pulled', 'resolve', 2],
  ] as const)("is the task's fault at once where %s", async (_what, ending, tries) => {
    const { starts, pulls, take } = queueOf(1);
    const taken = expect(take()).rejects.toMatchObject({ code: 'image_missing' });
    await settle();
    starts[0]?.reject(missing);
    await settle();
    if (ending === 'reject') pulls[0]?.reject(missing);
    else pulls[0]?.resolve('pulled');
    await settle();
    starts[1]?.reject(missing);
    await taken;
    expect([starts.length, pulls.length]).toEqual([tries, 1]);
  });

  it('keeps nobody who leaves, nor anybody past the deadline', async () => {
    const { clock, starts, take } = queueOf(2);
    const leaving = new AbortController();
    const left = expect(take(570_000, leaving.signal)).rejects.toEqual(new QueueRefusal('withdrawn'));
    const late = expect(take(1_000)).rejects.toEqual(new QueueRefusal('expired'));
    await settle();
    starts[0]?.reject(missing);
    starts[1]?.reject(missing);
    await settle();
    leaving.abort();
    await left;
    await clock.advance(1_000);
    await late;
  });
});
