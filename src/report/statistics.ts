import jstat from 'jstat';

/** Textbook formulas; the distribution functions are jstat's. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

const Z95 = 1.959964;

/** Wilson's 95 % score interval of a proportion (Wilson 1927). */
export function wilson(hits: number, of: number): Interval {
  if (of === 0) return { low: 0, high: 1 };
  const rate = hits / of;
  const z2 = Z95 ** 2 / of;
  const centre = rate + z2 / 2;
  const spread = Z95 * Math.sqrt((rate * (1 - rate)) / of + z2 / (4 * of));
  return { low: Math.max(0, (centre - spread) / (1 + z2)), high: Math.min(1, (centre + spread) / (1 + z2)) };
}

/** 95 % interval of a logarithm from its leave-one-out values (jackknife), back on the plain scale. */
export function jackknifeRatio(log: number, leftOut: readonly number[]): Interval {
  const n = leftOut.length;
  const mean = leftOut.reduce((sum, one) => sum + one, 0) / n;
  const variance = ((n - 1) / n) * leftOut.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  const margin = jstat.studentt.inv(0.975, n - 1) * Math.sqrt(variance);
  return { low: Math.exp(log - margin), high: Math.exp(log + margin) };
}

export interface Trend {
  /** Spearman's rank correlation, -1 to 1. */
  readonly correlation: number;
  /** One-sided, for rising. Holds for any number of looks at a growing list. */
  readonly p: number;
}

/**
 * Whether values rise in their order, if they would be exchangeable otherwise. Each value's rank among those so far is then
 * uniform and independent of the earlier ranks, so that bets on high ranks make a martingale (Vovk's conformal test); equal
 * values count as higher. By ranks, so that one incident counts as one step. Null below `LEAST_FOR_TREND` values.
 */
export function trend(values: readonly number[]): Trend | null {
  const n = values.length;
  if (n < LEAST_FOR_TREND || new Set(values).size < 2) return null;
  const correlation = jstat.spearmancoeff([...values.keys()], [...values]);
  return { correlation, p: Math.min(1, 1 / highestStake(values)) };
}

const LEAST_FOR_TREND = 10;
/** Exponents of the bets: a smaller one bets more on a value that is higher than nearly all before. */
const BETS = [0.2, 0.4, 0.6, 0.8] as const;

/** The highest that the mean of the bets has reached. */
function highestStake(values: readonly number[]): number {
  const logs = BETS.map(() => 0);
  let highest = 1;
  for (const [index, value] of values.entries()) {
    const higher = values.slice(0, index + 1).filter((one) => one >= value).length;
    const rank = higher / (index + 1);
    for (const [which, bet] of BETS.entries())
      logs[which] = (logs[which] ?? 0) + Math.log(bet) + (bet - 1) * Math.log(rank);
    highest = Math.max(highest, logs.reduce((sum, log) => sum + Math.exp(log), 0) / BETS.length);
  }
  return highest;
}
