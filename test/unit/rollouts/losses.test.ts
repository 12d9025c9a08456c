import { beforeEach, describe, expect, it, test } from 'vitest';
import type { RemovalQueue } from '../../../src/admission/removal-queue.ts';
import { Deadline, DeadlineExceeded } from '../../../src/kernel/deadline.ts';
import { callId, jobId, rolloutId } from '../../../src/kernel/ids.ts';
import { judge } from '../../../src/outcome/attribute.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import type { Policy } from '../../../src/policy/schema.ts';
import { Losses } from '../../../src/rollouts/losses.ts';
import { NotRecovered } from '../../../src/rollouts/recovery.ts';
import { Rollout } from '../../../src/rollouts/rollout.ts';
import { specOf } from '../../../src/rollouts/sandbox-spec.ts';
import { SetupFailed } from '../../../src/rollouts/set-up.ts';
import { SandboxFault, type SandboxHandle } from '../../../src/sandbox/sandbox.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryJournal } from '../support/memory-journal.ts';

const { defaultTask } = loadCatalog({
  policiesDir: 'policies',
  imagesDir: 'images',
  taskFile: 'policies/tasks.yaml',
});

class CountingEngine extends FakeEngine {
  asked = 0;
  override postMortem(handle: SandboxHandle) {
    this.asked += 1;
    return super.postMortem(handle);
  }
}

let memory: MemoryJournal;
let engine: CountingEngine;
let removed: SandboxHandle[];
let losses: Losses;
let clock: ManualClock;
beforeEach(() => {
  memory = new MemoryJournal();
  clock = new ManualClock();
  engine = new CountingEngine({ clock });
  removed = [];
  const removals = { add: (handle: SandboxHandle) => removed.push(handle) } as unknown as RemovalQueue;
  losses = new Losses({ engine, removals, journal: memory.journal, clock });
});

function rolloutOf(policy: Partial<Policy> = {}): Rollout {
  const task = { ...defaultTask, policy: { ...defaultTask.policy, ...policy } };
  return new Rollout({ id: rolloutId('r'), task, job: jobId('j'), openedAt: 0 });
}

async function liveRollout(policy: Partial<Policy> = {}): Promise<Rollout> {
  const rollout = rolloutOf(policy);
  const deadline = Deadline.after(clock, 'sandbox_start', 1_000);
  rollout.bindSandbox(await engine.start(specOf(rollout.task), deadline));
  return rollout;
}

/** A call of the model has run in its sandbox. */
async function usedRollout(policy: Partial<Policy> = {}): Promise<Rollout> {
  const rollout = await liveRollout(policy);
  const call = rollout.enterCall(callId('c'), 'shell', 'f', 0);
  const outcome = { attribution: 'ok', cause: 'completed', executed: 'yes' } as const;
  const evidence = { kind: 'queue_expired' } as const;
  await call.finish(memory.journal, {
    outcome,
    evidence,
    status: 200,
    output: '',
    result: null,
    durationMs: 1,
  });
  return rollout;
}

const lost = (executed: 'yes' | 'no' | 'unknown', foreignKill: boolean): Evidence => ({
  kind: 'sandbox_lost',
  fault: 'lost',
  executed,
  postMortem: {
    ...{ container: 'exited', foreignPause: false, oomFlag: false },
    ...{ foreignKill, evidenceGap: false, engineDisturbed: false },
  },
});
const KILLED = lost('yes', true);
const NO_REPLAY = { recovery: 'none' } as const;

describe('what an ending means for the rollout', () => {
  test.each<[string, () => Promise<Rollout>, Evidence, string]>([
    ['a refused call', usedRollout, { kind: 'refused', reason: 'unknown_tool' }, 'kept'],
    ['no start in time', usedRollout, { kind: 'queue_expired' }, 'kept'],
    ['no call lock in time', usedRollout, { kind: 'turn_expired' }, 'kept'],
    ['a killed sandbox, which a replay rebuilds', usedRollout, KILLED, 'rebuild'],
    ['the same without replay', () => usedRollout(NO_REPLAY), KILLED, 'lost'],
    ['the same without replay, nothing had run', () => liveRollout(NO_REPLAY), lost('no', true), 'rebuild'],
    ['the same without replay, it is not known', () => liveRollout(NO_REPLAY), lost('unknown', true), 'lost'],
    ['a restart that lost the sandbox', usedRollout, { kind: 'controller_restarted' }, 'rebuild'],
    ['a sandbox that died of nobody knows what', usedRollout, lost('yes', false), 'lost'],
    [
      'a start that failed',
      () => Promise.resolve(rolloutOf()),
      { kind: 'no_sandbox', fault: 'engine_down' },
      'lost',
    ],
    ['a set-up that failed', () => Promise.resolve(rolloutOf()), { kind: 'setup_failed' }, 'lost'],
    ['a rebuild that failed', usedRollout, { kind: 'lost_before', cause: 'sandbox_killed' }, 'lost'],
  ])('%s', async (_what, make, evidence, fate) => {
    const rollout = await make();
    expect(await losses.settleLoss(rollout, judge(evidence))).toBe(fate);
    const recorded = memory.events.map(({ type }) => type).filter((type) => type.startsWith('rollout_'));
    expect(recorded).toEqual({ kept: [], rebuild: ['rollout_displaced'], lost: ['rollout_lost'] }[fate]);
    expect(removed).toHaveLength(fate === 'lost' && rollout.handle !== null ? 1 : 0);
  });

  it('is decided once for one loss: the first decision sticks', async () => {
    const rebuilt = await usedRollout();
    expect(await losses.settleLoss(rebuilt, judge(KILLED))).toBe('rebuild');
    expect(await losses.settleLoss(rebuilt, judge(KILLED))).toBe('rebuild');
    expect(memory.of('rollout_displaced')).toHaveLength(1);
    const gone = await usedRollout(NO_REPLAY);
    expect(await losses.settleLoss(gone, judge(KILLED))).toBe('lost');
    expect(await losses.settleLoss(gone, judge({ kind: 'setup_failed' }))).toBe('lost');
    expect(gone.lossCause).toBe('sandbox_killed');
    expect(memory.of('rollout_lost')).toHaveLength(1);
  });

  it('is lost once a displaced rollout cannot be recovered', async () => {
    const rollout = await usedRollout();
    await losses.settleLoss(rollout, judge(KILLED));
    const error = new NotRecovered('sandbox_killed', new Error('stdout differs'));
    expect(await losses.settleError(rollout, error)).toBe('lost');
    expect([rollout.state, rollout.lossCause]).toEqual(['lost', 'sandbox_killed']);
  });

  it('leaves a rollout that has ended as it is', async () => {
    const rollout = await usedRollout();
    rollout.markEnded({ how: 'deleted' });
    expect(await losses.settleError(rollout, new SandboxFault('lost', 'detached'))).toBe('kept');
    expect(await losses.settleLoss(rollout, judge(KILLED))).toBe('lost');
    expect([rollout.state, rollout.lossCause]).toEqual(['ended', null]);
    expect(memory.of('rollout_lost')).toEqual([]);
  });
});

describe('what was thrown, as evidence', () => {
  it('a fault of a sandbox is asked about once, however many calls it hit', async () => {
    const rollout = await usedRollout();
    if (rollout.handle !== null) engine.host.kill(rollout.handle);
    const fault = new SandboxFault('lost', 'gone', { executed: 'yes' });
    const both = await Promise.all([losses.evidenceOf(rollout, fault), losses.evidenceOf(rollout, fault)]);
    expect(both[0]).toMatchObject({
      kind: 'sandbox_lost',
      executed: 'yes',
      postMortem: { foreignKill: true },
    });
    expect(both[1]).toEqual(both[0]);
    expect(engine.asked).toBe(1);
  });

  test.each<[string, Error, Evidence]>([
    [
      'a start that failed',
      new SandboxFault('engine_down', 'x'),
      { kind: 'no_sandbox', fault: 'engine_down' },
    ],
    ['a deadline', new DeadlineExceeded('queue_wait', 1), { kind: 'queue_expired' }],
    ['a set-up', new SetupFailed('x'), { kind: 'setup_failed' }],
    ['a rebuild', new NotRecovered('blind', new Error('x')), { kind: 'lost_before', cause: 'blind' }],
  ])('%s', async (_what, error, evidence) => {
    expect(await losses.evidenceOf(rolloutOf(), error)).toEqual(evidence);
  });

  it('a deadline of a rollout that has ended says that it has ended', async () => {
    const rollout = rolloutOf();
    rollout.markEnded({ how: 'idle' });
    expect(await losses.evidenceOf(rollout, new DeadlineExceeded('queue_wait', 1))).toEqual({
      kind: 'rollout_over',
      how: 'idle',
    });
  });

  test.each([new TypeError('a bug'), new Error('queue_wait'), 'a text'])(
    '%s is a bug, thrown on',
    async (bug) => {
      await expect(losses.evidenceOf(rolloutOf(), bug)).rejects.toBe(bug);
    },
  );
});
