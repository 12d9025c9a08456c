import { describe, expect, it } from 'vitest';
import { attribute } from '../../../src/outcome/attribute.ts';
import { causes, type CauseCode } from '../../../src/outcome/causes.ts';
import type { EndedRecord, Evidence, NotStartedRecord, PostMortem } from '../../../src/outcome/evidence.ts';
import type { Counters } from '../../../src/protocol/messages.ts';

const MiB = 2 ** 20;
const calm: Counters = {
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
const oom: Counters = { ...calm, oomKills: 1 };
/** The host ran out of memory by other use than that of sandboxes. */
const hostMemory = { memory: { ownLimitHits: 0, sandboxesUsed: 0.2 } };
const hostProcesses = { processes: { full: true, sandboxesUsed: 0.2 } };

const ended = (change: Partial<EndedRecord>): Evidence => ({
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

const notStarted = (
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

const lost = (change: Partial<PostMortem>): Evidence => ({
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

const exit = (code: number): number => code << 8;

/** Each row: the incident it guards against, the evidence, the only acceptable cause. */
const rows: readonly (readonly [string, Evidence, CauseCode])[] = [
  ['an ordinary exit', ended({}), 'completed'],
  ['exit 137 that the model wrote itself is no memory kill', ended({ waitStatus: exit(137) }), 'completed'],
  ['exit 124 is no timeout', ended({ waitStatus: exit(124) }), 'completed'],
  ['a kill by the model itself is its own ending', ended({ waitStatus: 9 }), 'completed'],
  [
    'an old OOM kill does not stick to a later call',
    ended({ waitStatus: 9, before: { ...calm, oomKills: 1 }, after: { ...calm, oomKills: 1 } }),
    'completed',
  ],
  ['our own kill at the limit', ended({ waitStatus: 9, killReason: 'timeout' }), 'time_limit'],
  [
    'a proxy that was away while it was used',
    ended({ egress: { connections: 1, denied: 0, disturbed: true } }),
    'egress_down',
  ],
  [
    'a time limit, while the proxy was away',
    ended({ waitStatus: 9, killReason: 'timeout', egress: { connections: 1, denied: 0, disturbed: true } }),
    'egress_down',
  ],
  [
    'a host that is not listed',
    ended({ waitStatus: 56 << 8, egress: { connections: 1, denied: 1, disturbed: false } }),
    'completed',
  ],
  [
    'a limit that others than sandboxes used up',
    ended({ waitStatus: 9, killReason: 'starved', starvedMs: 110_000, sandboxesUsed: 0.2 }),
    'cpu_starved',
  ],
  [
    'a limit that others used up, nobody knows who: never infra',
    ended({ waitStatus: 9, killReason: 'starved', starvedMs: 110_000 }),
    'time_limit',
  ],
  [
    'a share of the processors that cannot be is unknown',
    ended({ waitStatus: 9, killReason: 'starved', starvedMs: 110_000, sandboxesUsed: Number.NaN }),
    'time_limit',
  ],
  [
    'a negative share is unknown',
    ended({ waitStatus: 9, killReason: 'starved', starvedMs: 110_000, sandboxesUsed: -1 }),
    'time_limit',
  ],
  [
    'a limit and all its extension, among sandboxes that had the processors between them',
    ended({ waitStatus: 9, killReason: 'starved', starvedMs: 110_000, sandboxesUsed: 0.9 }),
    'time_limit',
  ],
  ['endless output', ended({ waitStatus: 9, killReason: 'output' }), 'output_limit'],
  [
    'own memory limit',
    ended({ waitStatus: 9, after: { ...calm, oomKills: 1, memoryPeakBytes: 512 * MiB } }),
    'memory_limit',
  ],
  [
    'killed by memory, no own limit refused any, and others than sandboxes used it: the host',
    ended({ waitStatus: 9, after: oom, host: hostMemory }),
    'host_memory',
  ],
  ['killed by memory, and nobody looked at the host', ended({ waitStatus: 9, after: oom }), 'memory_limit'],
  [
    'killed by memory far below the lifetime peak limit, under a sandboxd that does not count hits',
    ended({ waitStatus: 9, after: { ...oom, memoryLimitHits: -1 }, host: hostMemory }),
    'memory_limit',
  ],
  [
    'pages that the model sent to swap keep the peak below the limit, not the count of refusals (M2)',
    ended({
      waitStatus: 9,
      after: { ...oom, memoryPeakBytes: 300 * MiB, memoryLimitHits: 4 },
      host: hostMemory,
    }),
    'memory_limit',
  ],
  [
    'crun under systemd: the own limit was hit in the group above the one that sandboxd sees',
    ended({
      waitStatus: 9,
      after: oom,
      host: { memory: { ownLimitHits: 1, sandboxesUsed: 0.01 } },
    }),
    'memory_limit',
  ],
  [
    'a host that sandboxes filled themselves',
    ended({ waitStatus: 9, after: oom, host: { memory: { ownLimitHits: 0, sandboxesUsed: 0.7 } } }),
    'memory_limit',
  ],
  [
    'a kernel that does not count refusals: the own limit was reached',
    ended({ waitStatus: 9, after: { ...oom, memoryReachedBytes: 512 * MiB }, host: hostMemory }),
    'memory_limit',
  ],
  [
    'the same with half of it in swap (M2)',
    ended({
      waitStatus: 9,
      after: { ...oom, memoryPeakBytes: 256 * MiB, memoryReachedBytes: 512 * MiB },
      host: hostMemory,
    }),
    'memory_limit',
  ],
  [
    'an inner group of the runtime’s, charged less than the one that was at its limit (64 processors)',
    ended({ waitStatus: 9, after: { ...oom, memoryReachedBytes: 508 * MiB }, host: hostMemory }),
    'memory_limit',
  ],
  [
    'a sandbox that had reached its limit in an earlier call, when the host runs out',
    ended({
      waitStatus: 9,
      before: { ...calm, oomKills: 1, memoryReachedBytes: 512 * MiB, memoryLimitHits: 7 },
      after: { ...calm, oomKills: 2, memoryReachedBytes: 512 * MiB, memoryLimitHits: 7 },
      host: hostMemory,
    }),
    'host_memory',
  ],
  [
    'a flood of output is its own ending, although the host ran out of memory too',
    ended({ waitStatus: 9, killReason: 'output', after: oom, host: hostMemory }),
    'output_limit',
  ],
  [
    'a flood of output is its own ending, although the proxy was away',
    ended({ waitStatus: 9, killReason: 'output', egress: { connections: 1, denied: 0, disturbed: true } }),
    'output_limit',
  ],
  [
    'its own memory limit comes before a proxy that was away',
    ended({
      waitStatus: 9,
      after: { ...oom, memoryLimitHits: 1 },
      egress: { connections: 1, denied: 0, disturbed: true },
    }),
    'memory_limit',
  ],
  [
    'a child that the host killed, and a command that waited for it until its limit',
    ended({ waitStatus: 9, killReason: 'timeout', after: oom, host: hostMemory }),
    'host_memory',
  ],
  [
    'a child at the own memory limit does not turn a starved ending into infra',
    ended({
      waitStatus: 9,
      killReason: 'starved',
      after: { ...oom, memoryLimitHits: 1 },
      sandboxesUsed: 0.1,
    }),
    'memory_limit',
  ],
  [
    'a proxy that crashed under its own connection is not ours, nor certainly its',
    ended({
      waitStatus: exit(56),
      egress: { connections: 1, denied: 0, disturbed: false, crashed: true },
    }),
    'egress_crashed',
  ],
  [
    'a time limit under a crashed proxy is a time limit',
    ended({
      waitStatus: 9,
      killReason: 'timeout',
      egress: { connections: 1, denied: 0, disturbed: false, crashed: true },
    }),
    'time_limit',
  ],
  [
    'an OOM kill without a readable peak is never infra',
    ended({ waitStatus: 9, after: { ...calm, oomKills: 1, memoryPeakBytes: -1 } }),
    'memory_limit',
  ],
  [
    'a host without counters is no evidence',
    ended({ before: { ...calm, oomKills: -1 }, after: { ...calm, oomKills: 7 } }),
    'completed',
  ],
  [
    'process limit that made the command fail',
    ended({ waitStatus: exit(2), after: { ...calm, pidsLimitHits: 3, pidsPeak: 256 } }),
    'process_limit',
  ],
  ['process limit that the command coped with', ended({ after: { ...calm, pidsLimitHits: 3 } }), 'completed'],
  [
    'the code ended its interpreter',
    ended({ waitStatus: exit(9), interpreter: 'lost' }),
    'interpreter_ended',
  ],
  ['a replaced interpreter is an ordinary ending', ended({ interpreter: 'replaced' }), 'completed'],
  [
    'forks that a limit above the sandbox refused',
    ended({ waitStatus: exit(2), after: { ...calm, pidsLimitHits: 3 }, host: hostProcesses }),
    'host_processes',
  ],
  [
    'forks that its own limit refused, while the host was full too',
    ended({ waitStatus: exit(2), after: { ...calm, pidsLimitHits: 3, pidsPeak: 256 }, host: hostProcesses }),
    'process_limit',
  ],
  [
    'forks that the host may have refused: nothing shows that it was full',
    ended({ waitStatus: exit(2), after: { ...calm, pidsLimitHits: 3 } }),
    'completed',
  ],
  [
    'process table full at the start',
    notStarted(11, 'fork', true, 'shell', { after: { ...calm, pidsLimitHits: 1, pidsPeak: 256 } }),
    'process_limit',
  ],
  [
    'process table full at the start, under a sandboxd that does not know the peak',
    notStarted(11, 'fork', true, 'shell', { after: { ...calm, pidsLimitHits: 1, pidsPeak: -1 } }),
    'process_limit',
  ],
  [
    'no process to be had at the start, none refused by the own limit, and the host was full',
    notStarted(11, 'fork', true, 'shell', { after: calm, host: hostProcesses }),
    'host_processes',
  ],
  [
    'the same, where the sandbox had been full in an earlier call',
    notStarted(11, 'fork', true, 'shell', {
      before: { ...calm, pidsLimitHits: 9, pidsPeak: 256 },
      after: { ...calm, pidsLimitHits: 9, pidsPeak: 256 },
      host: hostProcesses,
    }),
    'host_processes',
  ],
  [
    'the same, where sandboxes had filled the host',
    notStarted(11, 'fork', true, 'shell', {
      after: calm,
      host: { processes: { full: true, sandboxesUsed: 0.9 } },
    }),
    'tool_unstartable',
  ],
  [
    'a fork that a limit above the sandbox refused, which has room again',
    notStarted(11, 'fork', true, 'shell', {
      after: { ...calm, pidsLimitHits: 1 },
      host: { processes: { full: false, sandboxesUsed: 0.1 } },
    }),
    'host_processes',
  ],
  [
    'the same, where nothing shows that the host was full',
    notStarted(11, 'fork', true, 'shell', { after: calm }),
    'tool_unstartable',
  ],
  [
    'no process to be had, and nobody counts refusals',
    notStarted(11, 'fork', true, 'shell', { host: hostProcesses }),
    'tool_unstartable',
  ],
  ['no memory for a process', notStarted(12, 'fork', true, 'shell', { after: calm }), 'tool_unstartable'],
  [
    'no memory for a process, by the own limit',
    notStarted(12, 'fork', true, 'shell', { after: { ...calm, memoryLimitHits: 1 } }),
    'memory_limit',
  ],
  ['the model deleted the shell', notStarted(2, 'exec', true, 'shell'), 'shell_removed'],
  ['the image never had a shell', notStarted(2, 'exec', false, 'shell'), 'shell_absent'],
  ['the model deleted Python', notStarted(2, 'exec', true, 'python'), 'python_removed'],
  ['the image never had Python', notStarted(2, 'exec', false, 'python'), 'python_absent'],
  ['a shell overwritten with garbage is not infra', notStarted(8, 'exec', true, 'shell'), 'tool_unstartable'],
  ['a custom tool that is gone is not infra', notStarted(2, 'exec', true, 'program'), 'tool_unstartable'],
  [
    'sandboxd has no room: our acknowledgements are missing',
    notStarted(105, 'exec', true, 'shell'),
    'agent_full',
  ],
  ['a busy interpreter is not infra', notStarted(16, 'fork', true, 'python'), 'tool_unstartable'],
  [
    'an interpreter file with two loaders is not infra',
    notStarted(22, 'exec', true, 'shell'),
    'tool_unstartable',
  ],
  [
    'somebody outside froze the container, and it stays silent',
    lost({ container: 'running', foreignPause: true }),
    'sandbox_paused',
  ],
  [
    'a time limit that passed in a frozen container',
    ended({ waitStatus: 9, killReason: 'timeout', paused: true }),
    'sandbox_paused',
  ],
  ['a container that was frozen for a while, to no harm', ended({ paused: true }), 'completed'],
  ['somebody outside killed the container', lost({ foreignKill: true }), 'sandbox_killed'],
  ['the engine went down with it', lost({ engineDisturbed: true }), 'engine_restarted'],
  [
    'an old OOM kill of a child, and an engine that went down: nobody knows which',
    lost({ engineDisturbed: true, oomFlag: true }),
    'blind',
  ],
  [
    'its own memory ended it while the engine was disturbed',
    lost({ engineDisturbed: true, oomFlag: true, oomSince: true }),
    'sandbox_broken',
  ],
  ['nobody could be asked who killed it', lost({ evidenceGap: true }), 'blind'],
  [
    'its own memory killed it, whoever could be asked',
    lost({ evidenceGap: true, oomFlag: true }),
    'sandbox_broken',
  ],
  ['nothing could be asked', lost({ container: 'unknown' }), 'blind'],
  ['PID 1 fell to the own memory limit', lost({ oomFlag: true }), 'sandbox_broken'],
  ['it died and nobody knows why: kept, not excluded', lost({}), 'sandbox_died'],
  ['silent but running, nothing wrong outside: kept', lost({ container: 'running' }), 'sandbox_died'],
  ['sandboxd never answered a start', { kind: 'no_sandbox', fault: 'agent_silent' }, 'start_timeout'],
  ['a missing image', { kind: 'no_sandbox', fault: 'image_missing' }, 'image_missing'],
  [
    'earlier calls took too long, by themselves as far as anybody knows',
    { kind: 'turn_expired' },
    'turn_wait',
  ],
  [
    'earlier calls took too long, held up for most of it',
    { kind: 'turn_expired', waitMs: 495_000, heldUpMs: 300_000 },
    'queue_wait',
  ],
  [
    'earlier calls took too long, held up for some of it',
    { kind: 'turn_expired', waitMs: 495_000, heldUpMs: 100_000 },
    'turn_wait',
  ],
  [
    'a life that its own commands used up',
    { kind: 'rollout_over', how: 'life', lifeMs: 14_400_000, commandsMs: 14_000_000 },
    'rollout_time',
  ],
  [
    'a life that passed between calls',
    { kind: 'rollout_over', how: 'life', lifeMs: 14_400_000, commandsMs: 60_000 },
    'rollout_life',
  ],
  ['a life of which nothing is known', { kind: 'rollout_over', how: 'life' }, 'rollout_life'],
  [
    'time of commands does not matter for an idle end',
    { kind: 'rollout_over', how: 'idle', lifeMs: 9, commandsMs: 9 },
    'rollout_idle',
  ],
  ['a cause that stuck', { kind: 'lost_before', cause: 'sandbox_broken' }, 'sandbox_broken'],
  ['after grading', { kind: 'rollout_over', how: 'graded' }, 'rollout_ended'],
  ['after DELETE', { kind: 'rollout_over', how: 'deleted' }, 'rollout_ended'],
  ['after an idle end', { kind: 'rollout_over', how: 'idle' }, 'rollout_idle'],
];

describe('attribute', () => {
  it.each(rows)('%s', (_incident, evidence, cause) => {
    expect(attribute(evidence).cause).toBe(cause);
  });

  it('gives the same outcome for the same evidence', () => {
    for (const [, evidence] of rows)
      expect(attribute(evidence)).toEqual(attribute(structuredClone(evidence)));
  });

  it('says 503 exactly where the model is not to blame and the call has no output', () => {
    for (const [code, cause] of Object.entries(causes))
      if (cause.attribution === 'infra')
        expect([code, cause.status, cause.excludes]).toEqual([code, 503, true]);
  });

  it('never excludes for something the model did', () => {
    for (const cause of Object.values(causes))
      if (cause.attribution === 'model') expect(cause.excludes).toBe(false);
  });
});
