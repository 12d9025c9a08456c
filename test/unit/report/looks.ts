import { levelFactors } from '../../../src/report/comparison.ts';
import { behaviourCells, placeCells } from '../../../src/report/contrasts.ts';
import { correction, logEvidence, type Factors } from '../../../src/report/e-process.ts';
import { trend } from '../../../src/report/statistics.ts';
import { behaviourGroups, placeGroups, training, type Step, type Training } from './training.ts';

const LOOK_S = 15 * 60;
const DAY_MS = 86_400_000;
const LEAST_CALLS = 10;

export interface Watched {
  /** The smallest corrected p-value of any look, and where it was. */
  readonly p: number;
  readonly level: string;
  /** Number of steps at the end of which each level was first below `alpha`. */
  readonly named: ReadonlyMap<string, number>;
  readonly looks: number;
  readonly calls: number;
  readonly failures: number;
  /** The smallest p-value of a rise of the excluded share. */
  readonly risingP: number;
}

/**
 * Looks at a month of training every fifteen minutes, as the server does. A look between two steps sees what the one before
 * it saw, so only those with new calls are evaluated; the factors of finished steps are kept.
 */
export function watch(options: Training, alpha: number): Watched {
  const before = new Map<string, Factors[]>();
  const order = new Map<string, number>();
  const seen = new Map<string, number>();
  const named = new Map<string, number>();
  const excluded: number[] = [];
  let [least, level, looks, calls, failures, risingP, firstDay] = [1, '', 0, 0, 0, 1, 0];
  for (const step of training(options)) {
    if (step.number === 0) firstDay = Math.floor(step.beganMs / DAY_MS);
    const lastS = Math.max(...step.calls.map(({ begin }) => begin)) + LOOK_S;
    let now = new Map<string, Factors[]>();
    for (let atS = LOOK_S; atS < lastS + LOOK_S; atS += LOOK_S) {
      enter(step, atS - LOOK_S, atS, { order, seen });
      now = factorsOf(step, atS);
      looks += 1;
      for (const [name, factors] of now) {
        const rank = order.get(name);
        if (rank === undefined) continue;
        const log = logEvidence([...(before.get(name) ?? []), ...factors], firstDay);
        const p = Math.min(1, Math.exp(-log) * correction(rank));
        if (p < alpha && !named.has(name)) named.set(name, step.number + 1);
        if (p < least) [least, level] = [p, name];
      }
    }
    for (const [name, factors] of now) before.set(name, [...(before.get(name) ?? []), ...factors]);
    calls += step.calls.length;
    failures += step.calls.filter(({ failed }) => failed).length;
    excluded.push(step.excluded);
    risingP = Math.min(risingP, (trend(excluded)?.p ?? 1) * 2);
  }
  return { p: least, level, named, looks, calls, failures, risingP };
}

function factorsOf(step: Step, atS: number): Map<string, Factors[]> {
  const groups = behaviourGroups(step, atS);
  const byCall = behaviourCells(groups, 'call');
  return levelFactors({
    byCall,
    byTime: behaviourCells(groups, 'time'),
    places: placeCells(placeGroups(step, atS)),
  });
}

/** Numbers the levels in the order of their tenth calls. */
function enter(
  step: Step,
  fromS: number,
  toS: number,
  { order, seen }: { order: Map<string, number>; seen: Map<string, number> },
): void {
  const settled = step.calls.filter(({ begin }) => begin + LOOK_S > fromS && begin + LOOK_S <= toS);
  for (const { tool, family, after, task } of settled.toSorted((a, b) => a.begin - b.begin))
    for (const name of [
      `tool\n${tool}`,
      family === null ? null : `family\n${family}`,
      after === null ? null : `after\n${after}`,
      `task\n${task}`,
      `image\n${task}`,
    ]) {
      if (name === null) continue;
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      if (count === LEAST_CALLS) order.set(name, order.size);
    }
}
