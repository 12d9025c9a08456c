import { describe, expect, it } from 'vitest';
import { attribute } from '../../../src/outcome/attribute.ts';
import { causes, type CauseCode } from '../../../src/outcome/causes.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { calm, ended, hostProcesses, lost, notStarted } from './evidence-of.ts';

/** Each row: the incident it guards against, the evidence, the only acceptable cause. */
const rows: readonly (readonly [string, Evidence, CauseCode])[] = [
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
