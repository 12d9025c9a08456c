import type { Verdict } from '../../../src/client/client.ts';

/** A rollout without a tool call is the model's choice, and is graded. */
const graded = (verdict: Verdict['verdict'] | undefined): boolean =>
  verdict === 'valid' || verdict === 'no_tool_call';

/**
 * Advantages of a group of rollouts of one question, as GRPO has them, with exclusion: a rollout that machinery broke
 * has none, and takes no part in the baseline of the others. Scored zero it would pull the baseline down and teach the
 * model to avoid what it was doing when the machine broke.
 *
 * @returns null for a rollout that is left out; for all where fewer than two are left, since they have no baseline.
 */
export function advantages(
  rewards: readonly number[],
  verdicts: readonly Verdict['verdict'][],
): (number | null)[] {
  const kept = rewards.filter((_reward, index) => graded(verdicts[index]));
  if (kept.length < 2) return rewards.map(() => null);
  const mean = sum(kept) / kept.length;
  const deviation = Math.sqrt(sum(kept.map((reward) => (reward - mean) ** 2)) / kept.length);
  return rewards.map((reward, index) => {
    if (!graded(verdicts[index])) return null;
    return deviation === 0 ? 0 : (reward - mean) / deviation;
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
