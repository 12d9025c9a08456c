import type { VerdictIndex } from '../../../src/rollouts/verdict-index.ts';

/** A complete index that has never seen a rollout, for tests whose rollouts all stay in memory. */
export const nothingPast: Pick<VerdictIndex, 'find' | 'jobsOf' | 'status'> = {
  find: () => ({ kind: 'never_seen' }),
  jobsOf: () => [],
  status: { complete: true, why: null, gap: null },
};
