import type { EndedRecord, Evidence, NotStartedRecord, PostMortem } from '../../../src/outcome/evidence.ts';
import type { Counters } from '../../../src/protocol/messages.ts';

/** Evidence of calls in which nothing special happened, but for the given change. */

export const MiB = 2 ** 20;
export const calm: Counters = {
  oomKills: 0,
  memoryUsageBytes: 10 * MiB,
  memoryPeakBytes: 10 * MiB,
  memoryLimitBytes: 512 * MiB,
  pidsCurrent: 1,
  pidsLimit: 256,
  pidsLimitHits: 0,
  cpuUsageUs: 0,
  cpuThrottledUs: 0,
  cpuThrottledPeriods: 0,
  rootFreeBytes: -1,
  rootFreeInodes: -1,
  memoryLimitHits: 0,
  memoryReachedBytes: 10 * MiB,
  pidsPeak: 3,
};
export const oom: Counters = { ...calm, oomKills: 1 };
/** The host ran out of memory by other use than that of sandboxes. */
export const hostMemory = { memory: { ownLimitHits: 0, sandboxesUsed: 0.2 } };
export const hostProcesses = { processes: { full: true, sandboxesUsed: 0.2 } };

export const ended = (change: Partial<EndedRecord>): Evidence => ({
  kind: 'ended',
  need: 'shell',
  record: {
    waitStatus: 0,
    killReason: 'none',
    starvedMs: 0,
    killReach: 'none',
    interpreter: 'kept',
    before: calm,
    after: calm,
    ...change,
  },
});

export const notStarted = (
  errno: number,
  stage: 'fork' | 'exec',
  offered: boolean,
  need: 'shell' | 'python' | 'program',
  change: Partial<NotStartedRecord> = {},
): Evidence => ({
  kind: 'not_started',
  need,
  offered,
  record: { errno, stage, killReach: 'none', before: calm, ...change },
});

export const lost = (change: Partial<PostMortem>): Evidence => ({
  kind: 'sandbox_lost',
  fault: 'lost',
  executed: 'unknown',
  postMortem: {
    container: 'exited',
    foreignKill: false,
    foreignPause: false,
    oomFlag: false,
    evidenceGap: false,
    engineDisturbed: false,
    ...change,
  },
});

export const exit = (code: number): number => code << 8;
