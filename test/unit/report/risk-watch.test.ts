import { describe, expect, test } from 'vitest';
import type { SpokenRisk } from '../../../src/report/report-process.ts';
import { fortnight, judgementOf } from '../../../src/report/risk-watch.ts';
import { watch } from './looks.ts';
import type { Training } from './training.ts';

const MINUTES = 10 * 60_000;

test.each([
  ['2026-06-01T00:00:00Z', '2026-05-25T00:00:00.000Z'],
  ['2026-06-07T23:59:59Z', '2026-05-25T00:00:00.000Z'],
  ['2026-06-08T00:00:00Z', '2026-06-01T00:00:00.000Z'],
])('a look at %s covers the time since %s, as all looks of its week do', (now, since) => {
  expect(fortnight(Date.parse(now))).toBe(since);
});

test('an alarm needs more than a sentence in a report', () => {
  const finding = (adjustedP: number) => ({ adjustedP }) as SpokenRisk['findings'][number];
  const report = {
    findings: [finding(0.005), finding(0.0001)],
    sentences: ['first', 'second', 'third'],
    excludedTrend: { job: 'j', correlation: 0.9, p: 0.002 },
  } as unknown as SpokenRisk;
  expect(judgementOf(report)).toEqual({ behaviours: ['second'], exclusionRises: false });
  const rising = { ...report, findings: [], excludedTrend: { job: 'j', correlation: 0.9, p: 0.0001 } };
  expect(judgementOf(rising)).toEqual({ behaviours: [], exclusionRises: true });
});

/** The same with more months: `npm run bench:risk`. */
describe('looks every fifteen minutes', () => {
  const quiet: Omit<Training, 'seed'> = { steps: 40, rollouts: 64, incidents: 10 };

  test.each([1, 2, 3, 4])(
    'at training in which nothing depends on behaviour raise no alarm (seed %i)',
    (seed) => {
      const seen = watch({ ...quiet, seed }, 0.01);
      expect(seen.failures).toBeGreaterThan(20);
      expect(seen.looks).toBeGreaterThan(40);
      expect([...seen.named.keys(), seen.risingP > 0.01]).toEqual([true]);
    },
    MINUTES,
  );

  test.each([0, 12])(
    'name "git clone" at the third step after step %i, if all of its calls fail',
    (fromStep) => {
      const planted = { family: 'git clone', hazard: 1, fromStep };
      const seen = watch({ seed: 5, steps: fromStep + 4, rollouts: 100, incidents: 2, planted }, 0.001);
      expect(seen.named.get('family\ngit clone')).toBe(fromStep + 3);
    },
    MINUTES,
  );
});
