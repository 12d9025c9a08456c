import type { VerdictIndex } from '../../../src/rollouts/verdict-index.ts';

/** A complete index that has never seen a rollout, for tests whose rollouts all stay in memory. */
export const nothingPast: Pick<VerdictIndex, 'find' | 'status'> = {
  find: () => ({ kind: 'never_seen' }),
  status: { complete: true, why: null, gap: null },
};
