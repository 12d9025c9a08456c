import { describe, expect, test } from 'vitest';
import { compare } from '../../../src/report/comparison.ts';
import { quadrantOf } from '../../../src/report/diagnostics.ts';
import type { Cell } from '../../../src/report/exposures.ts';
import { instant } from '../../../src/report/scope.ts';
import { trend, tUpperTail, wilson } from '../../../src/report/statistics.ts';

test.each([
  [0, 10, 0, 0.2775],
  [5, 10, 0.2366, 0.7634],
  [10, 10, 0.7225, 1],
  [0, 0, 0, 1],
])('Wilson interval of %i in %i', (hits, of, low, high) => {
  expect(wilson(hits, of).low).toBeCloseTo(low, 3);
  expect(wilson(hits, of).high).toBeCloseTo(high, 3);
});

test('the tail of t is exact where it is tiny', () => {
  expect(tUpperTail(2.0211, 40)).toBeCloseTo(0.025, 5);
  expect(tUpperTail(10, 99)).toBeGreaterThan(0);
  expect(tUpperTail(10, 99)).toBeLessThan(1e-15);
});

describe('trend', () => {
  const rising = Array.from({ length: 20 }, (_, index) => index + (index % 3));
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

describe('a level against the rest', () => {
  const step = (cluster: number, failed: number, allFailed: number): Cell => ({
    dimension: 'family', level: 'x', cluster: String(cluster), calls: 50, failed, allCalls: 500, allFailed,
  }); // prettier-ignore

  test('that fails more in every step stands out', () => {
    const [found] = compare(Array.from({ length: 30 }, (_, index) => step(index, 4, 6)));
    expect(found?.p).toBeLessThan(1e-5);
    expect(found?.ratio).toBeGreaterThan(10);
  });

  test('that fails as the rest does not', () => {
    const [found] = compare(Array.from({ length: 30 }, (_, index) => step(index, index % 2, 5)));
    expect(found?.p).toBeGreaterThan(0.4);
  });

  test('that failed a hundred times in one incident does not', () => {
    const [found] = compare([
      step(0, 49, 50),
      ...Array.from({ length: 29 }, (_, index) => step(index + 1, 0, 1)),
    ]);
    expect(found?.p).toBeGreaterThan(0.1);
  });

  test('with too little to say says nothing', () => {
    expect(compare([step(0, 4, 5), step(1, 0, 1), step(2, 0, 1)])).toEqual([]);
    expect(compare([step(0, 40, 50)])).toEqual([]);
    expect(compare([])).toEqual([]);
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
