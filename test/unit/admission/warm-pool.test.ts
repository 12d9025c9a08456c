import { describe, expect, it } from 'vitest';
import { QueueRefusal } from '../../../src/admission/queue-refusal.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { settle } from '../support/manual-clock.ts';
import { endings, scene, specNamed, type Scene } from './scene.ts';

const spec = specNamed('a');

async function filled(count: number, options: Parameters<typeof scene>[0] = {}): Promise<Scene> {
  const set = scene(options);
  set.pool.open([]);
  set.pool.prewarm(spec, count);
  await set.clock.advance(count * 100);
  return set;
}

describe('the warm pool', () => {
  it('serves a burst that was announced without a start, each rollout its own', async () => {
    const { engine, take, pool, clock } = await filled(50);
    expect(pool.view()[0]).toMatchObject({ ready: 50, filling: 0, target: 50 });
    const { served } = await endings(Array.from({ length: 50 }, () => take()));
    expect(new Set(served).size).toBe(50);
    expect(engine.starts).toBe(50);
    await clock.advance(500);
    expect(engine.starts).toBe(50);
  });

  it('never hands out one twice, however many ask at once', async () => {
    const { take, clock } = await filled(20);
    const takes = Array.from({ length: 60 }, () => take());
    await clock.advance(10_000);
    const { served } = await endings(takes);
    expect(served).toHaveLength(60);
    expect(new Set(served).size).toBe(60);
  });

  it('passes over sandboxes killed from outside just before the burst, and removes them', async () => {
    const { engine, take, clock, removals } = await filled(30);
    const dead = engine.started.slice(0, 15).map(({ handle }) => handle);
    for (const handle of dead.slice(0, 10)) engine.host.kill(handle);
    await settle();
    engine.noticeMs = 60_000;
    for (const handle of dead.slice(10)) engine.host.kill(handle);
    const takes = Array.from({ length: 30 }, () => take());
    await clock.advance(10_000);
    const { served } = await endings(takes);
    expect(served).toHaveLength(30);
    expect(served.every(({ handle }) => engine.host.runs(handle))).toBe(true);
    await clock.advance(60_000);
    await removals.idle();
    expect(engine.removed.toSorted()).toEqual(dead.map(({ id }) => id).toSorted());
  });

  it('does not use the pool up where the engine is silent', async () => {
    const { engine, take, clock } = await filled(10);
    for (const { handle } of engine.started) engine.host.freeze(handle);
    const taken = take();
    await clock.advance(6_000);
    await taken;
    expect(engine.removed).toHaveLength(1);
  });

  it('replaces what dies while it waits', async () => {
    const { engine, clock, pool } = await filled(5);
    for (const { handle } of engine.started.slice(0, 1)) engine.host.kill(handle);
    await clock.advance(5_000);
    expect(pool.view()[0]).toMatchObject({ ready: 5, died: 1 });
    expect(engine.live).toBe(5);
  });

  it('gives a refill under way to the rollout that waits, and starts no second one for it', async () => {
    const { engine, take, clock, pool } = scene({ startsAtOnce: 1 });
    pool.open([]);
    pool.prewarm(spec, 1);
    await settle();
    const taken = take();
    await clock.advance(100);
    await taken;
    await clock.advance(5_000);
    expect(engine.starts).toBe(1);
  });

  it('keeps what the policy asks for, from the opening on, and nothing before it', async () => {
    const { engine, clock, pool } = scene();
    const kept = specNamed('kept', { min: 3, max: 5 });
    await clock.advance(5_000);
    expect(engine.starts).toBe(0);
    pool.open([kept]);
    await clock.advance(5_000);
    expect(engine.live).toBe(3);
    pool.prewarm(kept, 50);
    await clock.advance(5_000);
    expect(engine.live).toBe(5);
  });

  it('stays within its memory budget over all classes', async () => {
    const { engine, clock, pool } = scene({ budget: 10 });
    pool.open([]);
    pool.prewarm(spec, 8);
    pool.prewarm(specNamed('b'), 8);
    await clock.advance(5_000);
    expect(engine.live).toBe(10);
  });

  it('does not try an image that is missing again and again', async () => {
    const { engine, clock, pool } = scene();
    engine.startFault = () => new SandboxFault('image_missing', 'no such image');
    pool.open([]);
    pool.prewarm(spec, 4);
    await clock.advance(30_000);
    expect(engine.starts).toBe(4);
  });

  it('makes room for a rollout of another class where the host is full', async () => {
    const { engine, take, clock } = await filled(10, { cap: 10 });
    const taken = take({ spec: specNamed('b') });
    await clock.advance(1_000);
    await taken;
    expect([engine.live, engine.removed.length]).toEqual([10, 1]);
  });

  it('starts a sandbox that must be a certain user, and makes room for it among its own class too', async () => {
    const { engine, take, clock, pool } = await filled(10, { cap: 10 });
    const taken = take({ spec: { ...spec, ownUser: 4711 } });
    await clock.advance(1_000);
    const { id } = (await taken).handle;
    expect(engine.host.containers.get(id)?.spec.ownUser).toBe(4711);
    expect(engine.removed).toHaveLength(1);
    pool.prewarm(spec, 10);
    await clock.advance(5_000);
    expect(engine.started.filter(({ container }) => container.spec.ownUser !== undefined)).toHaveLength(1);
  });

  it('leaves nothing behind when it closes, refills under way included', async () => {
    const { engine, clock, pool, starts, removals } = scene();
    pool.open([]);
    pool.prewarm(spec, 20);
    await clock.advance(250);
    starts.close();
    pool.close();
    await clock.advance(5_000);
    await removals.idle();
    expect(engine.started.length).toBeGreaterThan(3);
    expect(engine.live).toBe(0);
  });

  it('is full again before the next burst of a training job, and idle in between', async () => {
    const { engine, clock, pool, take } = scene({ startsAtOnce: 4 });
    pool.open([]);
    const step = async (): Promise<void> => {
      const takes = Array.from({ length: 40 }, () => take());
      await clock.advance(10_000);
      await endings(takes);
      await clock.advance(290_000);
    };
    await step();
    expect(pool.view()[0]).toMatchObject({ ready: 40 });
    await step();
    await step();
    const takes = Array.from({ length: 40 }, () => take());
    await settle();
    await clock.advance(60_000);
    await endings(takes);
    expect(pool.view()[0]).toMatchObject({ warmTaken: 120, coldTaken: 40, ready: 0 });
    await clock.advance(235_000);
    expect(pool.view()[0]).toMatchObject({ ready: 40 });
    expect(engine.live).toBe(200);
  });

  it('forgets a job that has ended', async () => {
    const { engine, clock, pool, take } = scene();
    pool.open([]);
    const takes = Array.from({ length: 10 }, () => take());
    await clock.advance(10_000);
    await endings(takes);
    await clock.advance(32 * 60_000);
    expect(pool.view()[0]).toMatchObject({ ready: 0, target: 0 });
    expect(engine.live).toBe(10);
  });
});

describe('places', () => {
  it('tells position and expected wait, and that a burst too long for every repetition is refused at once', async () => {
    const { clock, engine, take, starts } = scene({ startsAtOnce: 1 });
    engine.startMs = 10_000;
    const takes = [take(), take(), take()];
    await settle();
    const third = (await import('../../../src/kernel/ids.ts')).rolloutId('rollout-3');
    expect(starts.queuePlaceOf(third)).toMatchObject({ position: 2 });
    await clock.advance(30_000);
    await endings(takes);
    expect(starts.queuePlaceOf(third)).toBeNull();
    const slow = Array.from({ length: 20 }, () => take());
    const tooMany = take({ ms: 1_000 });
    await expect(tooMany).rejects.toEqual(new QueueRefusal('hopeless'));
    await clock.advance(300_000);
    expect((await endings(slow)).served).toHaveLength(20);
  });

  it('starts nothing for a rollout that left the queue', async () => {
    const { clock, engine, take } = scene({ startsAtOnce: 1 });
    const leaving = new AbortController();
    const first = take();
    const second = take({ leave: leaving.signal });
    const ended = expect(second).rejects.toEqual(new QueueRefusal('withdrawn'));
    await settle();
    leaving.abort();
    await ended;
    await clock.advance(5_000);
    await first;
    expect(engine.starts).toBe(1);
  });

  it('never has more alive than the host takes; who waits is served as others end', async () => {
    const { clock, engine, take, removals } = scene({ cap: 5 });
    const takes = Array.from({ length: 8 }, () => take());
    await clock.advance(5_000);
    expect(engine.live).toBe(5);
    for (const sandbox of engine.started.slice(0, 3)) void removals.add(sandbox.handle);
    await clock.advance(5_000);
    expect((await endings(takes)).served).toHaveLength(8);
    expect(engine.live).toBe(5);
  });
});

describe('removal', () => {
  it('tries again, and counts what it could not remove', async () => {
    const { clock, engine, take, removals, live } = scene();
    const takes = [take(), take()];
    await clock.advance(1_000);
    const [first, second] = await Promise.all(takes);
    engine.removeFault = (nth) => (nth <= 2 ? new SandboxFault('engine_error', 'HTTP 500') : null);
    if (first !== undefined) void removals.add(first.handle);
    await clock.advance(10_000);
    expect(removals.load).toEqual({ waiting: 0, removed: 1, abandoned: 0 });
    engine.removeFault = () => new SandboxFault('engine_error', 'HTTP 500');
    if (second !== undefined) void removals.add(second.handle);
    await clock.advance(60_000);
    expect(removals.load).toEqual({ waiting: 0, removed: 1, abandoned: 1 });
    expect(live.count).toBe(0);
  });

  it('removes one sandbox once, whoever asks', async () => {
    const { clock, engine, take, removals } = scene();
    const taken = take();
    await clock.advance(1_000);
    const { handle } = await taken;
    void removals.add(handle);
    void removals.add(handle);
    await clock.advance(1_000);
    expect(engine.removed).toEqual([handle.id]);
  });
});
