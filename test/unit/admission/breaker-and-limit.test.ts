import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit } from '../../../src/admission/concurrency-limit.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { settle } from '../support/manual-clock.ts';
import { endings, scene } from './scene.ts';

const down = new SandboxFault('engine_down', 'ECONNREFUSED');
const refused = new SandboxFault('engine_error', 'HTTP 500');

describe('how many starts are in flight', () => {
  /** An engine with so many cores: up to there a start takes 70 ms, beyond, starts wait for each other. */
  function settledLimit(cores: number, initial: number): number {
    const concurrency = new ConcurrencyLimit({ initial, max: 64 });
    concurrency.succeeded(70, false);
    for (let start = 0; start < 2_000; start += 1)
      concurrency.succeeded(70 * Math.max(1, concurrency.limit / cores), true);
    return concurrency.limit;
  }

  it.each([
    [2, 4, 3, 6],
    [2, 64, 3, 6],
    [16, 4, 17, 20],
  ])('settles a little above what saturates %i cores, coming from %i', (cores, initial, least, most) => {
    const limit = settledLimit(cores, initial);
    expect(limit).toBeGreaterThanOrEqual(least);
    expect(limit).toBeLessThanOrEqual(most);
  });

  it('does not grow while nobody needs it', () => {
    const concurrency = new ConcurrencyLimit({ initial: 4, max: 64 });
    for (let start = 0; start < 500; start += 1) concurrency.succeeded(70, false);
    expect(concurrency.limit).toBe(4);
  });

  it('halves once for a volley of faults, not once for each', () => {
    const concurrency = new ConcurrencyLimit({ initial: 8, max: 64 });
    for (let fault = 0; fault < 8; fault += 1) concurrency.failed();
    expect(concurrency.limit).toBe(4);
  });
});

describe('the circuit breaker', () => {
  it('stops asking an engine that is gone, probes with one, and serves everybody when it is back', async () => {
    const { clock, engine, take, breaker } = scene();
    engine.startFault = () => engine.pingFault;
    engine.pingFault = down;
    const takes = Array.from({ length: 50 }, () => take());
    await clock.advance(60_000);
    const asked = engine.starts;
    expect(breaker.state).toBe('open');
    expect(asked).toBeLessThan(15);
    await clock.advance(60_000);
    expect(engine.starts).toBe(asked);

    engine.pingFault = null;
    engine.mostInFlight = 0;
    while (engine.starts === asked) await clock.advance(100);
    expect(engine.inFlight).toBe(1);
    await clock.advance(60_000);
    const { served, refused: sentAway } = await endings(takes);
    expect([served.length, sentAway.length]).toEqual([50, 0]);
    expect(new Set(served).size).toBe(50);
  });

  it('does not open for an engine that fails every second start', async () => {
    const { clock, engine, take, breaker, faults } = scene();
    engine.startFault = (_spec, nth) => (clock.monotonic() < 5_000 && nth % 2 === 0 ? refused : null);
    const takes = Array.from({ length: 100 }, () => take());
    await clock.advance(60_000);
    const { served } = await endings(takes);
    expect(served).toHaveLength(100);
    expect(breaker.state).toBe('closed');
    expect(faults.length).toBeGreaterThan(10);
    expect(engine.live).toBe(100);
  });

  it.each([
    ["the task's own fault", new SandboxFault('image_missing', 'no such image')],
    ['a sandbox policy that is not used', new SandboxFault('engine_error', 'no limit', { lasting: true })],
  ])('does not open for %s, whoever else waits', async (_what, missing) => {
    const { clock, engine, take, breaker } = scene();
    engine.startFault = () => missing;
    const takes = Array.from({ length: 20 }, () => take());
    const ended = endings(takes);
    await clock.advance(5_000);
    expect((await ended).refused).toHaveLength(20);
    expect([breaker.state, engine.starts]).toEqual(['closed', 20]);
  });

  it('lets who waits go at the deadline though the circuit is open', async () => {
    const { clock, engine, take } = scene();
    engine.pingFault = down;
    engine.startFault = () => down;
    const takes = Array.from({ length: 10 }, () => take());
    const ended = endings(takes);
    await clock.advance(600_000);
    expect((await ended).refused).toHaveLength(10);
  });

  it('removes at the end, whatever is known of the engine', async () => {
    const { clock, engine, take, breaker, starts, removals } = scene();
    const first = take();
    await clock.advance(200);
    const { handle } = await first;
    engine.pingFault = down;
    engine.startFault = () => down;
    const ended = endings(Array.from({ length: 10 }, () => take()));
    await clock.advance(30_000);
    expect(breaker.state).toBe('open');
    starts.close();
    void removals.add(handle);
    await clock.advance(1_000);
    await removals.idle();
    await settle();
    expect(engine.removed).toEqual([handle.id]);
    expect((await ended).refused).toHaveLength(10);
  });
});
