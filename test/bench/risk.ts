import { parseArgs } from 'node:util';
import { BEHAVIOUR_ALPHA, RISING_ALPHA } from '../../src/report/risk-watch.ts';
import { watch, type Watched } from '../unit/report/looks.ts';
import type { Training } from '../unit/report/training.ts';

/**
 * How often the risk test is wrong, and what it finds. Months of training in memory, looked at every fifteen minutes: clean
 * ones, in which no look may name anything, and ones with a planted fault. Exits with 1 if more clean months are wrong than
 * stated, or if a behaviour whose every call fails is not named within three steps.
 */
const { values } = parseArgs({
  options: {
    months: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
});
const MONTHS = Number(values.months);
const SEED = Number(values.seed);
const REPORT_ALPHA = 0.01;
const CLEAN: Omit<Training, 'seed'> = { steps: 100, rollouts: 96, incidents: 8 };

const clean = Array.from({ length: MONTHS }, (_, index) => {
  const seen = watch({ ...CLEAN, seed: SEED + index }, REPORT_ALPHA);
  if ((index + 1) % 20 === 0) console.error(`${String(index + 1)} months`);
  return seen;
});
const sum = (of: (seen: Watched) => number): string =>
  clean.reduce((all, one) => all + of(one), 0).toLocaleString('en-US');
console.log(
  `${String(MONTHS)} clean months: ${sum(({ looks }) => looks)} looks with new calls, ${sum(({ calls }) => calls)} calls, ${sum(({ failures }) => failures)} failures`,
);

/** A month is wrong if any of its looks is. */
const wrong = [
  ['named in a report', REPORT_ALPHA, clean.filter(({ p }) => p < REPORT_ALPHA).length],
  ['alarm for a behaviour', BEHAVIOUR_ALPHA, clean.filter(({ p }) => p < BEHAVIOUR_ALPHA).length],
  ['alarm for a rising share', RISING_ALPHA, clean.filter(({ risingP }) => risingP < RISING_ALPHA).length],
] as const;
for (const [what, stated, months] of wrong)
  console.log(`${what}: ${String(months)} months, stated at most ${String(stated * 100)} %`);
const [least] = clean.toSorted((a, b) => a.p - b.p);
console.log(
  `smallest corrected p: ${least?.p.toPrecision(2) ?? ''} (${least?.level.replace('\n', ' ') ?? ''})`,
);

const FAULTS = [
  ['git clone', 1, 100, 4],
  ['git clone', 1, 24, 4],
  ['sed', 1, 100, 4],
  ['git clone', 0.2, 100, 30],
  ['git clone', 0.02, 300, 60],
] as const;
console.log('\nplanted: steps from its beginning (step 10) to the alarm, in four months each');
let late = false;
for (const [family, hazard, rollouts, most] of FAULTS) {
  const planted = { family, hazard, fromStep: 10 };
  const steps = [1, 2, 3, 4].map((seed) => {
    const { named } = watch({ seed, steps: 10 + most, rollouts, incidents: 2, planted }, BEHAVIOUR_ALPHA);
    const at = named.get(`family\n${family}`);
    return at === undefined ? null : at - planted.fromStep;
  });
  if (hazard === 1 && steps.some((at) => at === null || at > 3)) late = true;
  console.log(
    `${family}, fails in ${String(hazard * 100)} % more of its calls, ${String(rollouts)} rollouts a step: ${steps.map((at) => at ?? `not in ${String(most)}`).join(', ')}`,
  );
}
process.exitCode = late || wrong.some(([, stated, months]) => months > stated * MONTHS) ? 1 : 0;
