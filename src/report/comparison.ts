import type { Cell, Dimension } from './exposures.ts';
import { jackknifeRatio, tUpperTail, type Interval } from './statistics.ts';

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
  /** One-sided: the level fails more often than the rest. Not corrected. */
  readonly p: number;
  /** How well the split between level and rest explains where failures fall (likelihood ratio). */
  readonly explains: number;
}

/** Below these no comparison is made. */
const LEAST_FAILURES = 5;
const LEAST_CLUSTERS = 3;

/**
 * The score test of Cochran, Mantel and Haenszel, with its variance taken over clusters (steps): the number of steps that
 * agree counts, not the number of failed calls. So one incident with a thousand failures counts as one step. For the same
 * reason the interval is made by leaving out one cluster at a time.
 */
export function compare(cells: readonly Cell[]): Comparison[] {
  return [...Map.groupBy(cells, ({ dimension, level }) => `${dimension}\n${level}`).values()]
    .map(compareLevel)
    .filter((comparison) => comparison !== null);
}

interface Part {
  score: number;
  /** Numerator and denominator of the Mantel-Haenszel ratio. */
  top: number;
  bottom: number;
}

function compareLevel(cells: readonly Cell[]): Comparison | null {
  const [first] = cells;
  const parts = [...Map.groupBy(cells, ({ cluster }) => cluster).values()]
    .map(partOf)
    .filter((part) => part !== null);
  const failed = cells.reduce((sum, cell) => sum + cell.failed, 0);
  if (first === undefined || failed < LEAST_FAILURES || parts.length < LEAST_CLUSTERS) return null;
  const expected = cells.reduce((sum, cell) => sum + expectation(cell), 0);
  const total = cells.reduce((sum, cell) => sum + cell.allFailed, 0);
  const score = parts.reduce((sum, part) => sum + part.score, 0);
  const spread = Math.sqrt(parts.reduce((sum, part) => sum + part.score ** 2, 0));
  const log = logRatio(parts);
  const leftOut = parts.map((_part, index) => logRatio(parts.toSpliced(index, 1)));
  const { dimension, level } = first;
  return {
    dimension,
    level,
    failed,
    expected,
    ratio: Math.exp(log),
    interval: jackknifeRatio(log, leftOut),
    p: spread === 0 ? 1 : tUpperTail(score / spread, parts.length - 1),
    explains: likelihoodRatio(failed, expected, total),
  };
}

const expectation = (cell: Cell): number => (cell.allFailed * cell.calls) / cell.allCalls;

/** Null if every stratum of the cluster has only this level or none of it: then there is nothing to compare. */
function partOf(cells: readonly Cell[]): Part | null {
  const telling = cells.filter((cell) => cell.calls < cell.allCalls);
  if (telling.length === 0) return null;
  const part: Part = { score: 0, top: 0, bottom: 0 };
  for (const cell of telling) {
    part.score += cell.failed - expectation(cell);
    part.top += (cell.failed * (cell.allCalls - cell.calls)) / cell.allCalls;
    part.bottom += ((cell.allFailed - cell.failed) * cell.calls) / cell.allCalls;
  }
  return part;
}

/** Half a failure is added to both sides, so that the ratio is finite if the rest has no failure. */
function logRatio(parts: readonly Part[]): number {
  const top = parts.reduce((sum, part) => sum + part.top, 0);
  const bottom = parts.reduce((sum, part) => sum + part.bottom, 0);
  return Math.log((top + 0.5) / (bottom + 0.5));
}

function likelihoodRatio(failed: number, expected: number, total: number): number {
  const term = (seen: number, awaited: number): number => (seen === 0 ? 0 : seen * Math.log(seen / awaited));
  return 2 * (term(failed, expected) + term(total - failed, total - expected));
}
