import type { Cell } from './contrasts.ts';

/**
 * Evidence that a level fails more often than the rest, as an e-process: a product of factors, one per unit (a step, or an
 * hour of a long one), each of which has an expectation of at most 1 if the level does not differ. So the probability that
 * it ever reaches 1/p is at most p (Ville's inequality), however often one looks. The README has the reasons.
 */
export interface Factors {
  readonly day: number;
  /** Logarithm of the factor for each alternative. */
  readonly logs: readonly number[];
}

/** Odds of a failure, level to rest, that are tried. */
const ODDS = [2, 5, 20, 100] as const;
/** Shares of a stake, for levels that are compared by step alone. */
const STAKES = [0.2, 0.4, 0.7, 0.95] as const;
export const ALTERNATIVES = ODDS.length;

/** At most this much from one unit, so that one incident alone names nothing, however many calls it fails. */
export const UNIT_CAP = 6.5;

/** Days of a report at which a fault may have begun share the evidence: half for the first ones, half for all later. */
const FIRST_DAYS = 14;

/** The factor of one stratum, for each of the odds: the failures are a draw without replacement from its calls. */
export function drawLogs({ calls, failed, allCalls, allFailed }: Cell): number[] {
  return ODDS.map((odds) => failed * Math.log(odds) - logMean(odds, calls, allCalls, allFailed));
}

/** Logarithm of the expectation of odds^k, where k of `drawn` calls are of the level (hypergeometric). */
function logMean(odds: number, level: number, all: number, drawn: number): number {
  const least = Math.max(0, drawn - (all - level));
  const most = Math.min(level, drawn);
  /** Probability of k + 1, divided by that of k. */
  const growth = (k: number): number =>
    ((level - k) * (drawn - k)) / ((k + 1) * (all - level - drawn + k + 1));
  const tilted = logSeries(least, most, (k) => growth(k) * odds);
  return least * Math.log(odds) + tilted - logSeries(least, most, growth);
}

/** Logarithm of 1 + g(from) + g(from) g(from + 1) + ..., up to `to`. */
function logSeries(from: number, to: number, growth: (k: number) => number): number {
  let term = 1;
  let sum = 1;
  let scale = 0;
  for (let k = from; k < to; k += 1) {
    term *= growth(k);
    sum += term;
    if (sum < LARGE) continue;
    term /= LARGE;
    sum /= LARGE;
    scale += Math.log(LARGE);
  }
  return Math.log(sum) + scale;
}

const LARGE = 1e100;

/**
 * The factor of one step, for each of the stakes: however its failures cluster, the level's share of them is expected to be
 * its share of the calls.
 */
export function shareLogs({ calls, failed, allCalls, allFailed }: Cell): number[] {
  const times = failed / allFailed / (calls / allCalls);
  return STAKES.map((stake) => Math.log(1 - stake + stake * times));
}

/** Sum of the logarithms of independent strata. */
export function product(logs: readonly (readonly number[])[]): number[] {
  return Array.from({ length: ALTERNATIVES }, (_, index) =>
    logs.reduce((sum, one) => sum + (one[index] ?? 0), 0),
  );
}

/**
 * Logarithm of the evidence of all units: the mean over the alternatives, and over the days on which the difference may have
 * begun. `firstDay` is the first of the report.
 */
export function logEvidence(units: readonly Factors[], firstDay: number): number {
  const days = [...Map.groupBy(units, ({ day }) => day)].toSorted(([a], [b]) => b - a);
  const sums = new Array<number>(ALTERNATIVES).fill(0);
  const parts = days.flatMap(([day, ofDay], index) => {
    for (const { logs } of ofDay)
      for (const [which, log] of logs.entries()) sums[which] = (sums[which] ?? 0) + Math.min(log, UNIT_CAP);
    const before = days[index + 1]?.[0];
    const weight = startsUpTo(day - firstDay) - (before === undefined ? 0 : startsUpTo(before - firstDay));
    return sums.map((sum) => sum + Math.log(weight / ALTERNATIVES));
  });
  return logSum(parts);
}

/** Weight of all starts up to this day of the report. */
function startsUpTo(day: number): number {
  if (day < FIRST_DAYS) return (day + 1) / (2 * FIRST_DAYS);
  return 1 - 1 / (2 * (day - FIRST_DAYS + 2));
}

function logSum(logs: readonly number[]): number {
  const most = logs.reduce((largest, log) => Math.max(largest, log), -Infinity);
  if (most === -Infinity) return -Infinity;
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
}

/** Levels that were first seen share half of the permitted error equally, all later ones the other half. */
const FIRST_LEVELS = 100;

/** By what the p-value of the level that was seen as number `order` (from 0) is multiplied: the sum of 1/this is 1. */
export function correction(order: number): number {
  if (order < FIRST_LEVELS) return 2 * FIRST_LEVELS;
  return 2 * (order - FIRST_LEVELS + 1) * (order - FIRST_LEVELS + 2);
}

/** Logarithm of the evidence at which a level is named whose difference began on one of the first days. */
export function logNeeded(alpha: number): number {
  return Math.log((correction(0) * ALTERNATIVES * 2 * FIRST_DAYS) / alpha);
}

/**
 * The smallest ratio of failure rates, level to rest, that is expected to be named: `share` is the level's share of the calls,
 * and the rest failed as often as all calls did. Null if no ratio would be.
 */
export function smallestRatio(share: number, failures: number, units: number, alpha: number): number | null {
  if (units * UNIT_CAP < logNeeded(alpha)) return null;
  const grows = (ratio: number): boolean => {
    const mass = ratio * share + 1 - share;
    const hit = (ratio * share) / mass;
    const perFailure = hit * Math.log(hit / share) + (1 - hit) * Math.log((1 - hit) / (1 - share));
    return failures * mass * perFailure >= logNeeded(alpha);
  };
  let [low, high] = [1, 1024];
  if (!grows(high)) return null;
  while (high - low > 0.01) {
    const middle = (low + high) / 2;
    if (grows(middle)) high = middle;
    else low = middle;
  }
  return high;
}
