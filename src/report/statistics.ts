import jstat from 'jstat';

/** Textbook formulas; the distribution functions are jstat's. */

/** Upper tail of Student's t: probability of a value this large or larger if there is no difference. */
export function tUpperTail(t: number, freedom: number): number {
  return jstat.studentt.cdf(-t, freedom); // The lower tail of -t is precise; 1 - cdf(t) loses digits.
}

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
  /** One-sided, for rising. */
  readonly p: number;
}

/** Whether values rise in their order. By ranks, so that one incident counts as one step. Null below `LEAST_FOR_TREND` values. */
export function trend(values: readonly number[]): Trend | null {
  const n = values.length;
  if (n < LEAST_FOR_TREND || new Set(values).size < 2) return null;
  const correlation = jstat.spearmancoeff([...values.keys()], [...values]);
  const t = correlation * Math.sqrt((n - 2) / Math.max(1e-12, 1 - correlation ** 2));
  return { correlation, p: tUpperTail(t, n - 2) };
}

const LEAST_FOR_TREND = 10;
