import type { Cell, Dimension } from './exposures.ts';
import { jackknifeRatio, tUpperTail, type Interval } from './statistics.ts';

/** One level against the rest of its strata. */
export interface Comparison {
  readonly dimension: Dimension;
  readonly level: string;
  readonly failed: number;
  /** Failures to be expected if the level were like the rest. */
  readonly expected: number;
  /** Mantel-Haenszel ratio of failure rates, level to rest, and its 95 % interval. */
  readonly ratio: number;
  readonly interval: Interval;
  /** One-sided: fails more than the rest. Not corrected. */
  readonly p: number;
  /** How well the split between level and rest explains where failures fall (likelihood ratio). */
  readonly explains: number;
}

/** Below these there is nothing to say. */
const LEAST_FAILURES = 5;
const LEAST_CLUSTERS = 3;

/**
 * The score test of Cochran, Mantel and Haenszel with clusters for its variance: what counts is how many steps agree,
 * not how many calls failed, so that one incident of a thousand failures weighs as one step. The interval leaves out
 * one cluster at a time for the same reason.
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

/** Null where the level is all there is, or nothing: such a cluster says nothing about a difference. */
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

/** Half a failure is added on both sides, so that a rest without any failure gives a finite ratio. */
function logRatio(parts: readonly Part[]): number {
  const top = parts.reduce((sum, part) => sum + part.top, 0);
  const bottom = parts.reduce((sum, part) => sum + part.bottom, 0);
  return Math.log((top + 0.5) / (bottom + 0.5));
}

function likelihoodRatio(failed: number, expected: number, total: number): number {
  const term = (seen: number, awaited: number): number => (seen === 0 ? 0 : seen * Math.log(seen / awaited));
  return 2 * (term(failed, expected) + term(total - failed, total - expected));
}
