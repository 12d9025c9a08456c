import { causes, type CauseCode } from '../../../src/outcome/causes.ts';
import type { EndedRecord, Evidence, FaultCode, PostMortem } from '../../../src/outcome/evidence.ts';
import type { Counters } from '../../../src/protocol/messages.ts';

/**
 * Evidence of every kind, with every combination of what the rules look at. A digest of its outcomes is pinned with the
 * number of the rules. Evidence with a new field belongs at the end of its list.
 */
export function evidenceCorpus(): Evidence[] {
  return [
    ...endings(),
    ...startFailures(),
    ...losses(),
    ...others(),
    ...endingsOnHosts(),
    ...failuresOnHosts(),
    ...timed(),
  ];
}

const MiB = 2 ** 20;
const LIMIT = 512 * MiB;
const calm: Counters = {
  ...{ oomKills: 0, memoryUsageBytes: 0, memoryPeakBytes: 10 * MiB, memoryLimitBytes: LIMIT },
  ...{ pidsCurrent: 1, pidsLimit: 256, pidsLimitHits: 0, cpuUsageUs: 0, cpuThrottledUs: 0, cpuThrottledPeriods: 0 },
  ...{ rootFreeBytes: -1, rootFreeInodes: -1 },
}; // prettier-ignore

/** What counters may show after a call that began with `calm` ones. */
const countersAfter: readonly Counters[] = [
  calm,
  { ...calm, oomKills: 1, memoryPeakBytes: LIMIT },
  { ...calm, oomKills: 1, memoryPeakBytes: LIMIT - 64 * 4096 },
  { ...calm, oomKills: 1, memoryPeakBytes: LIMIT - 64 * 4096 - 1 },
  { ...calm, oomKills: 1, memoryPeakBytes: -1 },
  { ...calm, oomKills: 1, memoryLimitBytes: -1 },
  { ...calm, oomKills: -1 },
  { ...calm, pidsLimitHits: 3 },
  { ...calm, pidsLimitHits: -1 },
];

/** Counters that 0.1.0 did not have. */
const more = { memoryLimitHits: 0, memoryReachedBytes: 10 * MiB, pidsPeak: 3 };
const withMore = { ...calm, ...more };
const moreAfter: readonly Counters[] = [
  withMore,
  { ...withMore, oomKills: 1 },
  { ...withMore, oomKills: 1, memoryLimitHits: 2 },
  { ...withMore, oomKills: 1, memoryLimitHits: -1 },
  { ...withMore, oomKills: 1, memoryReachedBytes: LIMIT },
  { ...withMore, pidsLimitHits: 2 },
  { ...withMore, pidsLimitHits: 2, pidsPeak: 256 },
];
const hosts: readonly Partial<EndedRecord>[] = [
  {},
  ...[0.2, 0.5].flatMap((sandboxesUsed): Partial<EndedRecord>[] => [
    { host: { memory: { ownLimitHits: 0, sandboxesUsed } } },
    { host: { memory: { ownLimitHits: 1, sandboxesUsed } } },
    { host: { processes: { full: true, sandboxesUsed } } },
    { host: { processes: { full: false, sandboxesUsed } } },
    { sandboxesUsed },
  ]),
  { egress: { connections: 1, denied: 0, disturbed: false, crashed: true } },
  { egress: { connections: 1, denied: 0, disturbed: true } },
];

const remarks: readonly Partial<EndedRecord>[] = [
  {},
  { paused: true },
  { sandboxesUsed: 0.2 },
  { sandboxesUsed: 0.5 },
  { egress: { connections: 1, denied: 0, disturbed: true } },
  { egress: { connections: 1, denied: 1, disturbed: false } },
];

function endings(): Evidence[] {
  const records = combine(
    ['none', 'timeout', 'output', 'cancelled', 'starved'] as const,
    ['kept', 'lost', 'replaced'] as const,
    [0, 9, 256] as const,
    countersAfter,
    remarks,
  );
  return records.map(([killReason, interpreter, waitStatus, after, remark]) => ({
    kind: 'ended',
    need: 'shell',
    record: {
      ...{ waitStatus, killReason, killReach: 'none', interpreter, starvedMs: 0, before: calm, after },
      ...remark,
    },
  }));
}

function startFailures(): Evidence[] {
  const ERRNOS = [2, 4, 8, 11, 12, 13, 16, 22, 105] as const;
  const before = [calm, { ...calm, memoryPeakBytes: LIMIT }, { ...calm, memoryLimitBytes: -1 }];
  return combine(
    ['shell', 'python', 'program', 'files'] as const,
    [true, false] as const,
    ['fork', 'exec'] as const,
    ERRNOS,
    before,
  ).map(([need, offered, stage, errno, counters]) => ({
    kind: 'not_started',
    need,
    offered,
    record: { errno, stage, killReach: 'none', before: counters },
  }));
}

const FAULTS: readonly FaultCode[] = [
  'image_missing', 'image_broken', 'engine_down', 'engine_error', 'start_timeout', 'agent_silent', 'lost',
]; // prettier-ignore

function losses(): Evidence[] {
  const flags = [false, true] as const;
  const deaths = combine(
    ['running', 'exited', 'gone', 'unknown'] as const,
    flags,
    flags,
    flags,
    flags,
    combine(flags, ['yes', 'unknown'] as const),
  );
  return deaths.map(([container, foreignKill, foreignPause, oomFlag, evidenceGap, rest]) => {
    const [engineDisturbed, executed] = rest;
    const postMortem: PostMortem = {
      ...{ container, foreignKill, foreignPause, oomFlag, evidenceGap, engineDisturbed },
    };
    return { kind: 'sandbox_lost', fault: 'lost', executed, postMortem };
  });
}

function others(): Evidence[] {
  return [
    ...(['bad_arguments', 'unknown_tool', 'call_budget'] as const).map((reason): Evidence => ({
      kind: 'refused',
      reason,
    })),
    ...(['turn_expired', 'queue_expired', 'setup_failed', 'controller_restarted'] as const).map(
      (kind): Evidence => ({ kind }),
    ),
    ...FAULTS.map((fault): Evidence => ({ kind: 'no_sandbox', fault })),
    ...(Object.keys(causes) as CauseCode[]).map((cause): Evidence => ({ kind: 'lost_before', cause })),
    ...(['idle', 'life', 'deleted', 'graded', 'stopped'] as const).map((how): Evidence => ({
      kind: 'rollout_over',
      how,
    })),
  ];
}

function endingsOnHosts(): Evidence[] {
  const records = combine(
    ['none', 'timeout', 'output', 'starved'] as const,
    ['kept', 'lost'] as const,
    [0, 256] as const,
    moreAfter,
    hosts,
  );
  return records.map(([killReason, interpreter, waitStatus, after, host]) => ({
    kind: 'ended',
    need: 'shell',
    record: {
      ...{ waitStatus, killReason, killReach: 'none', interpreter, starvedMs: 0, before: withMore, after },
      ...host,
    },
  }));
}

function failuresOnHosts(): Evidence[] {
  return combine([11, 12] as const, moreAfter, hosts).map(([errno, after, { host }]) => ({
    kind: 'not_started',
    need: 'shell',
    offered: true,
    record: { errno, stage: 'fork', killReach: 'none', before: withMore, after, ...(host && { host }) },
  }));
}

/** Evidence with times, and deaths of which the engine has reported whether they were for memory. */
function timed(): Evidence[] {
  const died = combine([true, false] as const, [true, false] as const, [true, false] as const);
  return [
    ...[0, 400, 600].map((heldUpMs): Evidence => ({ kind: 'turn_expired', waitMs: 1_000, heldUpMs })),
    ...[0, 400, 600].map((commandsMs): Evidence => ({
      ...{ kind: 'rollout_over', how: 'life', lifeMs: 1_000, commandsMs },
      executed: 'yes',
    })),
    ...died.map(([oomFlag, oomSince, engineDisturbed]): Evidence => ({
      ...{ kind: 'sandbox_lost', fault: 'lost', executed: 'unknown' },
      postMortem: {
        ...{ container: 'exited', foreignKill: false, foreignPause: false, evidenceGap: false },
        ...{ oomFlag, oomSince, engineDisturbed },
      },
    })),
  ];
}

/** Every combination of one item of each list. */
function combine<const Lists extends readonly (readonly unknown[])[]>(
  ...lists: Lists
): { -readonly [Index in keyof Lists]: Lists[Index][number] }[] {
  const all = lists.reduce<unknown[][]>(
    (before, list) => before.flatMap((start) => list.map((item) => [...start, item])),
    [[]],
  );
  return all as { -readonly [Index in keyof Lists]: Lists[Index][number] }[];
}
