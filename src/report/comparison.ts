import type { Cell, Dimension } from './contrasts.ts';
import { correction, drawLogs, logEvidence, product, shareLogs, type Factors } from './e-process.ts';
import { jackknifeRatio, type Interval } from './statistics.ts';

/** One level (such as the command `git clone`) compared with all other calls of the same strata. */
export interface Comparison {
  readonly dimension: Dimension;
  readonly level: string;
  readonly failed: number;
  /** Failures expected if the level did not differ from the rest. */
  readonly expected: number;
  /** Mantel-Haenszel ratio of failure rates, level to rest, and its 95 % interval. */
  readonly ratio: number;
  readonly interval: Interval;
  /** One-sided: the level fails more often than the rest. Holds for any number of looks; not corrected for levels. */
  readonly p: number;
  /** Corrected for all levels too. */
  readonly adjustedP: number;
  /** How well the split between level and rest explains where failures fall (likelihood ratio). */
  readonly explains: number;
}

/** What is compared, in cells of its strata. */
export interface Contrasts {
  /** Behaviours, among the calls that began in the same window. */
  readonly byCall: readonly Cell[];
  /** Behaviours, among the calls that were the latest ones in the same window. */
  readonly byTime: readonly Cell[];
  /** Image and task, by step. */
  readonly places: readonly Cell[];
  /** Levels in the order in which each had been seen often enough to be compared; others are not. */
  readonly order: readonly { readonly dimension: Dimension; readonly level: string }[];
  /** UTC day, since 1970, on which the report begins. */
  readonly firstDay: number;
}

/** Below these no comparison is made. An incident that looks like a behaviour's fault can happen; three of them do not agree. */
const LEAST_FAILURES = 5;
const LEAST_CLUSTERS = 3;

/**
 * Compares each level with the rest of its strata. The p-value is that of an e-process; ratio and interval describe the
 * difference (Mantel-Haenszel, leaving out one unit at a time) and decide nothing.
 */
export function compare(contrasts: Contrasts): Comparison[] {
  const { byCall, places, order, firstDay } = contrasts;
  const cells = Map.groupBy([...byCall, ...places], nameOf);
  const factors = levelFactors(contrasts);
  return order.flatMap(({ dimension, level }, index) => {
    const name = nameOf({ dimension, level });
    const effect = effectOf(cells.get(name) ?? []);
    if (effect === null) return [];
    const p = Math.min(1, Math.exp(-logEvidence(factors.get(name) ?? [], firstDay)));
    return [{ dimension, level, ...effect, p, adjustedP: Math.min(1, p * correction(index)) }];
  });
}

type Level = Pick<Cell, 'dimension' | 'level'>;

export const nameOf = ({ dimension, level }: Level): string => `${dimension}\n${level}`;

/**
 * The factors of each level, by `nameOf`. Of a behaviour the smaller of two: it has to fail more often both per call and per
 * time, so that a long command is not named because it is there more often when a sandbox dies.
 */
export function levelFactors({
  byCall,
  byTime,
  places,
}: Pick<Contrasts, 'byCall' | 'byTime' | 'places'>): Map<string, Factors[]> {
  const times = Map.groupBy(byTime, nameOf);
  const factors = new Map<string, Factors[]>();
  for (const [name, cells] of Map.groupBy(byCall, nameOf))
    factors.set(name, behaviourFactors(cells, times.get(name) ?? []));
  for (const [name, cells] of Map.groupBy(places, nameOf))
    factors.set(
      name,
      cells.map((cell) => ({ day: cell.day, logs: shareLogs(cell) })),
    );
  return factors;
}

function behaviourFactors(byCall: readonly Cell[], byTime: readonly Cell[]): Factors[] {
  const times = Map.groupBy(byTime, ({ cluster }) => cluster);
  const calls = Map.groupBy(byCall, ({ cluster }) => cluster);
  return [...new Set([...calls.keys(), ...times.keys()])].map((cluster) => {
    const inCalls = calls.get(cluster) ?? [];
    const inTime = times.get(cluster) ?? [];
    const ofTime = product(inTime.map(drawLogs));
    const logs = product(inCalls.map(drawLogs)).map((log, index) => Math.min(log, ofTime[index] ?? 0));
    return { day: [...inCalls, ...inTime][0]?.day ?? 0, logs };
  });
}

interface Part {
  /** Numerator and denominator of the Mantel-Haenszel ratio. */
  top: number;
  bottom: number;
}

type Effect = Pick<Comparison, 'failed' | 'expected' | 'ratio' | 'interval' | 'explains'>;

function effectOf(cells: readonly Cell[]): Effect | null {
  const parts = [...Map.groupBy(cells, ({ cluster }) => cluster).values()]
    .map(partOf)
    .filter((part) => part !== null);
  const failed = cells.reduce((sum, cell) => sum + cell.failed, 0);
  const hit = new Set(cells.filter((cell) => cell.failed > 0).map(({ cluster }) => cluster));
  if (failed < LEAST_FAILURES || hit.size < LEAST_CLUSTERS || parts.length < LEAST_CLUSTERS) return null;
  const expected = cells.reduce((sum, cell) => sum + expectation(cell), 0);
  const total = cells.reduce((sum, cell) => sum + cell.allFailed, 0);
  const sums = parts.reduce((sum, part) => ({ top: sum.top + part.top, bottom: sum.bottom + part.bottom }));
  const log = logRatio(sums);
  const leftOut = parts.map((part) =>
    logRatio({ top: sums.top - part.top, bottom: sums.bottom - part.bottom }),
  );
  const interval = jackknifeRatio(log, leftOut);
  return {
    failed,
    expected,
    ratio: Math.exp(log),
    interval,
    explains: likelihoodRatio(failed, expected, total),
  };
}

const expectation = (cell: Cell): number => (cell.allFailed * cell.calls) / cell.allCalls;

/** Null if every stratum of the unit has only this level or none of it: then there is nothing to compare. */
function partOf(cells: readonly Cell[]): Part | null {
  const telling = cells.filter((cell) => cell.calls < cell.allCalls);
  if (telling.length === 0) return null;
  const part: Part = { top: 0, bottom: 0 };
  for (const cell of telling) {
    part.top += (cell.failed * (cell.allCalls - cell.calls)) / cell.allCalls;
    part.bottom += ((cell.allFailed - cell.failed) * cell.calls) / cell.allCalls;
  }
  return part;
}

/** Half a failure is added to both sides, so that the ratio is finite if the rest has no failure. */
function logRatio({ top, bottom }: Part): number {
  return Math.log((top + 0.5) / (bottom + 0.5));
}

function likelihoodRatio(failed: number, expected: number, total: number): number {
  const term = (seen: number, awaited: number): number => (seen === 0 ? 0 : seen * Math.log(seen / awaited));
  return 2 * (term(failed, expected) + term(total - failed, total - expected));
}
