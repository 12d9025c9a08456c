import { describe, expect, it } from 'vitest';
import { attribute } from '../../../src/outcome/attribute.ts';
import type { CauseCode } from '../../../src/outcome/causes.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { calm, ended, exit, hostMemory, hostProcesses, MiB, oom } from './evidence-of.ts';

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
];

describe('a call that ran', () => {
  it.each(rows)('%s', (_incident, evidence, cause) => {
    expect(attribute(evidence).cause).toBe(cause);
  });
});
