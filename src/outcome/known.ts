/**
 * Comparison of evidence that may be unknown. A number is unknown where it is absent, negative (a counter without source),
 * or not finite. What is unknown proves nothing: each function then gives the answer that no infrastructure cause needs.
 */

import type { Counters } from '../protocol/messages.ts';

export function isKnown(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0;
}

/** Recorded as false. A fact that is not recorded is unknown. */
export function isKnownFalse(fact: boolean | undefined): boolean {
  return fact === false;
}

/** By how much a counter rose during the call; null: unknown. A counter that fell has not counted the whole call. */
export function rise(
  { before, after }: { readonly before: Counters; readonly after?: Counters },
  counter: keyof Counters,
): number | null {
  const [first, last] = [before[counter], after?.[counter]];
  return isKnown(first) && isKnown(last) && last >= first ? last - first : null;
}

/** Both are known, and the part is at least half of the whole. */
export function atLeastHalf(part: number | undefined, whole: number | undefined): boolean {
  return isKnown(part) && isKnown(whole) && whole > 0 && 2 * part >= whole;
}

/** The share is known, and sandboxes together had less than half: others withheld what a sandbox lacked. */
export function withheldByOthers(sandboxesUsed: number | undefined): boolean {
  return isKnown(sandboxesUsed) && sandboxesUsed < 0.5;
}
