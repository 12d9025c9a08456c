import { describe, expect, test } from 'vitest';
import { compare } from '../../../src/report/comparison.ts';
import { quadrantOf } from '../../../src/report/diagnostics.ts';
import type { Cell } from '../../../src/report/contrasts.ts';
import {
  correction,
  drawLogs,
  logEvidence,
  shareLogs,
  smallestRatio,
  logNeeded,
  UNIT_CAP,
} from '../../../src/report/e-process.ts';
import { instant } from '../../../src/report/scope.ts';
import { seeded } from '../support/seeded.ts';
import { trend, wilson } from '../../../src/report/statistics.ts';

test.each([
  [0, 10, 0, 0.2775],
  [5, 10, 0.2366, 0.7634],
  [10, 10, 0.7225, 1],
  [0, 0, 0, 1],
])('Wilson interval of %i in %i', (hits, of, low, high) => {
  expect(wilson(hits, of).low).toBeCloseTo(low, 3);
  expect(wilson(hits, of).high).toBeCloseTo(high, 3);
});

describe('trend', () => {
  const rising = Array.from({ length: 25 }, (_, index) => index + (index % 3));
  test.each<[string, number[], boolean]>([
    ['rising', rising, true],
    ['falling', rising.toReversed(), false],
    ['flat with one incident at the end', [...Array<number>(19).fill(0), 1], false],
    ['up and down', Array.from({ length: 20 }, (_, index) => index % 2), false],
  ])('%s', (_what, values, rises) => {
    expect((trend(values)?.p ?? 1) < 0.01).toBe(rises);
  });

  test('of few or equal values is none', () => {
    expect(trend([1, 2, 3])).toBeNull();
    expect(trend(Array<number>(50).fill(0.1))).toBeNull();
  });
});

test('over a growing list that does not rise, the p-value is below 1 % for at most 1 % of lists, at any look', () => {
  const chance = seeded(1);
  let wrong = 0;
  for (let list = 0; list < 2000; list += 1) {
    const values = Array.from({ length: 60 }, () => (chance() < 0.8 ? 0 : chance()));
    if ((trend(values)?.p ?? 1) < 0.01) wrong += 1;
  }
  expect(wrong).toBeLessThanOrEqual(20);
});

describe('the factor of a stratum', () => {
  const cell = (calls: number, failed: number, allCalls: number, allFailed: number): Cell => ({
    dimension: 'family', level: 'x', cluster: '1', day: 0, calls, failed, allCalls, allFailed,
  }); // prettier-ignore
  const choose = (n: number, k: number): number =>
    Array.from({ length: k }, (_, index) => (n - index) / (index + 1)).reduce((all, one) => all * one, 1);

  test.each([
    [5, 30, 4],
    [20, 30, 15],
    [1, 9, 9],
    [9, 9, 3],
    [60, 200, 40],
  ])('is expected to be 1 for %i of %i calls if any of %i failures is as likely', (calls, all, drawn) => {
    const mean = [0, 0, 0, 0];
    for (let k = Math.max(0, drawn - (all - calls)); k <= Math.min(calls, drawn); k += 1) {
      const chance = (choose(calls, k) * choose(all - calls, drawn - k)) / choose(all, drawn);
      for (const [index, log] of drawLogs(cell(calls, k, all, drawn)).entries())
        mean[index] = (mean[index] ?? 0) + chance * Math.exp(log);
    }
    for (const one of mean) expect(one).toBeCloseTo(1, 9);
  });

  test('does not overflow with thousands of failures', () => {
    for (const log of drawLogs(cell(30_000, 9000, 100_000, 20_000))) expect(Number.isFinite(log)).toBe(true);
  });

  test('of a step is 1 for the share that is expected, whatever the stake', () => {
    for (const log of shareLogs(cell(100, 20, 500, 100))) expect(log).toBeCloseTo(0, 12);
  });
});

describe('the evidence', () => {
  test('of one unit is capped, and three are needed', () => {
    const unit = (day: number) => ({ day, logs: [999, 999, 999, 999] });
    const needed = Math.log(correction(0) / 0.001);
    expect(logEvidence([unit(0)], 0)).toBeLessThan(UNIT_CAP);
    expect(logEvidence([unit(0), unit(0)], 0)).toBeLessThan(needed);
    expect(logEvidence([unit(0), unit(0), unit(0)], 0)).toBeGreaterThan(needed);
    expect(logEvidence([unit(9), unit(9), unit(10)], 0)).toBeGreaterThan(needed);
  });

  test('of a fault that begins late is not lost in what was before', () => {
    const quiet = Array.from({ length: 60 }, (_, index) => ({
      day: Math.floor(index / 6),
      logs: [-1, -2, -4, -9],
    }));
    const fault = Array.from({ length: 3 }, () => ({ day: 11, logs: [6, 7, 9, 12] }));
    expect(logEvidence([...quiet, ...fault], 0)).toBeGreaterThan(Math.log(correction(0) / 0.001));
  });

  test('is shared out among levels, however many appear', () => {
    const sum = Array.from({ length: 100_000 }, (_, order) => 1 / correction(order)).reduce(
      (all, one) => all + one,
      0,
    );
    expect(sum).toBeLessThanOrEqual(1);
  });

  test('tells what it could have found', () => {
    expect(smallestRatio(0.05, 1000, 2, 0.01)).toBeNull();
    expect(smallestRatio(0.05, 0, 50, 0.01)).toBeNull();
    expect(smallestRatio(0.05, 1000, 50, 0.01)).toBeLessThan(smallestRatio(0.05, 100, 50, 0.01) ?? 0);
    expect(logNeeded(0.01)).toBeLessThan(3 * UNIT_CAP);
  });
});

describe('a level against the rest', () => {
  const step = (cluster: number, failed: number, allFailed: number): Cell => ({
    dimension: 'family', level: 'x', cluster: String(cluster), day: cluster, calls: 50, failed, allCalls: 500, allFailed,
  }); // prettier-ignore
  const compared = (cells: readonly Cell[]) =>
    compare({
      byCall: cells,
      byTime: cells,
      places: [],
      order: [{ dimension: 'family', level: 'x' }],
      firstDay: 0,
    });

  test('that fails more in every step stands out', () => {
    const [found] = compared(Array.from({ length: 30 }, (_, index) => step(index, 4, 6)));
    expect(found?.adjustedP).toBeLessThan(1e-5);
    expect(found?.ratio).toBeGreaterThan(10);
  });

  test('that fails as the rest does not', () => {
    const [found] = compared(Array.from({ length: 30 }, (_, index) => step(index, index % 2, 5)));
    expect(found?.p).toBeGreaterThan(0.4);
  });

  test('that failed a hundred times in one incident does not', () => {
    const [found] = compared([
      step(0, 49, 50),
      ...Array.from({ length: 29 }, (_, index) => step(index + 1, index < 2 ? 1 : 0, 2)),
    ]);
    expect(found?.adjustedP).toBeGreaterThan(0.1);
  });

  test('that fails more per call but not per time does not', () => {
    const cells = Array.from({ length: 30 }, (_, index) => step(index, 4, 6));
    const byTime = cells.map((cell) => ({ ...cell, calls: 400 }));
    const [found] = compare({
      byCall: cells,
      byTime,
      places: [],
      order: [{ dimension: 'family', level: 'x' }],
      firstDay: 0,
    });
    expect(found?.p).toBe(1);
  });

  test('with too little to say says nothing', () => {
    expect(compared([step(0, 4, 5), step(1, 0, 1), step(2, 0, 1)])).toEqual([]);
    expect(compared([step(0, 40, 50), step(1, 3, 3)])).toEqual([]);
    expect(compared([])).toEqual([]);
  });
});

test.each([
  [0.1, 1, 'better, more calls'],
  [0.1, 0, 'better, fewer calls'],
  [-0.1, -1, 'worse, fewer calls'],
  [-0.1, 2, 'worse, more calls'],
  [0, 2, 'unchanged'],
])('reward %d and calls %d: %s', (reward, calls, quadrant) => {
  expect(quadrantOf(reward, calls)).toBe(quadrant);
});

test('times', () => {
  const now = Date.parse('2026-06-02T00:00:00Z');
  expect(instant('2h', now)).toBe('2026-06-01T22:00:00.000Z');
  expect(instant('2026-06-01T10:00Z', now)).toBe('2026-06-01T10:00:00.000Z');
  for (const wrong of ['', 'yesterday', '2w', "'; DROP TABLE calls"])
    expect(() => instant(wrong, now)).toThrow(RangeError);
});
