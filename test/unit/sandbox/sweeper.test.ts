import { expect, test } from 'vitest';
import { Sweeper } from '../../../src/sandbox/docker/sweeper.ts';
import { chooseRuntime, candidates } from '../../../src/sandbox/docker/runtime-probe.ts';
import { ManualClock } from '../support/manual-clock.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

test('a create that ends after its deadline leaves nothing: gone counts only once the request is over', async () => {
  const clock = new ManualClock();
  const removals: number[] = [];
  const create = Promise.withResolvers<undefined>();
  const sweeper = new Sweeper(clock, LOG, () => Promise.resolve(void removals.push(clock.monotonic())));
  sweeper.abandon('x', [create.promise]);
  await clock.advance(300_000);
  expect(sweeper.waiting).toBe(1);
  create.resolve(undefined);
  await clock.advance(60_000);
  expect(sweeper.waiting).toBe(0);
  expect(removals.length).toBeGreaterThan(3);
});

test('a removal that fails or hangs is tried again, and holds up neither the others nor the end', async () => {
  const clock = new ManualClock();
  const tries = new Map<string, number>();
  const sweeper = new Sweeper(clock, LOG, (name) => {
    tries.set(name, (tries.get(name) ?? 0) + 1);
    if (name === 'hangs') return new Promise(() => undefined);
    return tries.get(name) === 1 ? Promise.reject(new Error('500')) : Promise.resolve();
  });
  sweeper.abandon('hangs', []);
  sweeper.abandon('fails', []);
  await clock.advance(5_000);
  expect(tries.get('fails')).toBe(2);
  expect(sweeper.waiting).toBe(1);
  await clock.advance(60_000);
  expect(tries.get('hangs')).toBeGreaterThan(1);
  const stopped = sweeper[Symbol.asyncDispose]();
  await clock.advance(3_000);
  await stopped;
});

test('nothing under way and gone: one request, no waiting', async () => {
  const clock = new ManualClock();
  let removals = 0;
  const sweeper = new Sweeper(clock, LOG, () => Promise.resolve(void (removals += 1)));
  sweeper.abandon('x', []);
  await clock.advance(10);
  expect([removals, sweeper.waiting]).toEqual([1, 0]);
});

test('crun is tried before the default, a runtime of another kind never', () => {
  expect(candidates(['io.containerd.runc.v2', 'runsc', 'crun', 'runc'], 'runc')).toEqual(['crun', 'runc']);
  expect(candidates(['runc'], 'runc')).toEqual(['runc']);
  expect(candidates(['crun'], 'crun')).toEqual(['crun']);
});

test('the first runtime that works is taken; the last one that fails says why', async () => {
  const broken = (runtime: string) =>
    runtime === 'crun' ? Promise.reject(new Error('hybrid')) : Promise.resolve();
  expect(await chooseRuntime(['crun', 'runc'], broken, LOG)).toBe('runc');
  await expect(chooseRuntime(['crun'], broken, LOG)).rejects.toThrow('hybrid');
});
