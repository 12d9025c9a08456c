import { describe, expect, it } from 'vitest';
import type { RemovalQueue } from '../../../src/admission/removal-queue.ts';
import type { JournalEvent } from '../../../src/journal/event.ts';
import { jobId, rolloutId } from '../../../src/kernel/ids.ts';
import { attribute } from '../../../src/outcome/attribute.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import { PastRollouts } from '../../../src/rollouts/past-rollouts.ts';
import { Rollout } from '../../../src/rollouts/rollout.ts';
import { RolloutEnds } from '../../../src/rollouts/rollout-ends.ts';
import type { StartPlaces } from '../../../src/rollouts/start-places.ts';
import { LockWait, withNotedTime } from '../../../src/tools/lock-wait.ts';
import { judgeEnding, type JudgedEnding } from '../../../src/tools/judged-ending.ts';
import type { EndedRecord, Evidence } from '../../../src/outcome/evidence.ts';
import { printed } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { authorized, testServer } from '../support/http-server.ts';

const { defaultTask: task } = loadCatalog({
  policiesDir: 'policies',
  imagesDir: 'images',
  taskFile: 'policies/tasks.yaml',
});
const MINUTE_MS = 60_000;

interface Scene {
  readonly clock: ManualClock;
  readonly memory: MemoryJournal;
  readonly rollout: Rollout;
  readonly ends: RolloutEnds;
  /** A command that takes this long, while the host may take a part of it, or the call be lost to infrastructure. */
  readonly run: (ms: number, change?: Partial<EndedRecord>) => Promise<JudgedEnding>;
}

function open(): Scene {
  const clock = new ManualClock();
  const memory = new MemoryJournal();
  const rollout = new Rollout({ id: rolloutId('r'), task, job: jobId('j'), openedAt: clock.now() });
  const places = { leaveQueue: () => undefined } as unknown as StartPlaces;
  const removals = { add: () => undefined } as unknown as RemovalQueue;
  const ends = new RolloutEnds({ places, removals, journal: memory.journal, clock });
  const run = (ms: number, change: Partial<EndedRecord> = {}): Promise<JudgedEnding> =>
    withNotedTime(rollout, clock, async () => {
      const startedAtMs = clock.monotonic();
      await clock.advance(ms);
      const run = { ...printed(1, ''), startedAtMs, exitedAtMs: clock.monotonic() };
      const { waitStatus, killReason, killReach, interpreter, starvedMs, before, after } = run;
      const record = { waitStatus, killReason, killReach, interpreter, starvedMs, before, after, ...change };
      return judgeEnding({ kind: 'ended', need: 'shell', record }, { run, heldUpMs: record.starvedMs });
    });
  return { clock, memory, rollout, ends, run };
}

const causeOf = (evidence: Evidence | null) => evidence && attribute(evidence).cause;

describe('a rollout whose maximum lifetime is over', () => {
  it('is the model’s where its commands used the time (C15)', async () => {
    const { rollout, ends, run } = open();
    for (let call = 0; call < 48; call += 1) await run(5 * MINUTE_MS);
    await ends.endRollout(rollout, 'life');
    expect(causeOf(rollout.overEvidence)).toBe('rollout_time');
  });

  it('is the task’s where it idled', async () => {
    const { clock, rollout, ends, run } = open();
    for (let call = 0; call < 3; call += 1) await run(5 * MINUTE_MS);
    await clock.advance(200 * MINUTE_MS);
    await ends.endRollout(rollout, 'life');
    expect(causeOf(rollout.overEvidence)).toBe('rollout_life');
  });

  it('counts the command that is running at that moment', async () => {
    const { clock, rollout, ends, run } = open();
    const running = run(240 * MINUTE_MS);
    await clock.advance(200 * MINUTE_MS);
    await ends.endRollout(rollout, 'life');
    expect(causeOf(rollout.overEvidence)).toBe('rollout_time');
    await clock.advance(40 * MINUTE_MS);
    await running;
  });

  it('does not count time that the host withheld, nor runs that infrastructure ended', async () => {
    const { rollout, ends, run } = open();
    await run(100 * MINUTE_MS, { starvedMs: 90 * MINUTE_MS, sandboxesUsed: 0.1 });
    await run(100 * MINUTE_MS, {
      egress: { connections: 1, denied: 0, disturbed: true },
      before: CALM,
      after: CALM,
    });
    await ends.endRollout(rollout, 'life');
    expect(causeOf(rollout.overEvidence)).toBe('rollout_life');
  });

  it('is journaled with what it was judged by, and known after a restart', async () => {
    const { memory, rollout, ends, run } = open();
    await run(5 * MINUTE_MS);
    await ends.endRollout(rollout, 'life');
    const past = new PastRollouts();
    const opened = {
      type: 'rollout_opened',
      rollout: 'r',
      task: task.name,
      job: 'j',
      at: '2026-01-01T00:00:00Z',
    };
    for (const [offset, event] of [opened, ...memory.events].entries())
      past.add(event as JournalEvent, { file: 'f', offset, bytes: 1 });
    const [restored] = past.byKey.values();
    const { end } = restored ?? {};
    expect(end).toEqual({ how: 'life', lifeMs: 5 * MINUTE_MS, commandsMs: 5 * MINUTE_MS });
    const again = new Rollout({ id: rolloutId('r'), task, job: jobId('j'), openedAt: 0 });
    again.markEnded(end ?? { how: 'stopped' });
    expect(causeOf(again.overEvidence)).toBe('rollout_time');
  });

  it('answers in words, and is graded', async () => {
    await using server = await testServer();
    const call = async (id: string) =>
      await server.app.inject({
        method: 'POST',
        url: '/v1/tools/shell',
        headers: authorized(),
        payload: { call_id: id, arguments: '{"command":"echo"}', trace_id: 'spent' },
      });
    await call('first');
    server.rollouts.get(rolloutId('spent'))?.markEnded({ how: 'life', lifeMs: 100, commandsMs: 90 });
    const reply = await call('second');
    expect([reply.statusCode, reply.json<{ output: string }>().output]).toEqual([
      200,
      '[not run: this rollout has used up its time]',
    ]);
    expect(server.rollouts.get(rolloutId('spent'))?.verdict).toMatchObject({ verdict: 'valid', reasons: [] });
  });
});

const CALM = { ...printed(1, '').before, oomKills: 0 };

describe('a wait for the call lock in vain', () => {
  it('is the model’s where its earlier calls took the time', async () => {
    const { clock, rollout, run } = open();
    const wait = new LockWait(rollout, clock);
    await run(8 * MINUTE_MS);
    expect(wait.evidence()).toEqual({ kind: 'turn_expired', waitMs: 8 * MINUTE_MS, heldUpMs: 0 });
    expect(causeOf(wait.evidence())).toBe('turn_wait');
  });

  it.each([
    ['the host starved them', { starvedMs: 6 * MINUTE_MS, sandboxesUsed: 0.1 }],
    ['infrastructure ended them', { egress: { connections: 1, denied: 0, disturbed: true } }],
  ])('is infrastructure’s where %s', async (_, change) => {
    const { clock, rollout, run } = open();
    const wait = new LockWait(rollout, clock);
    await run(8 * MINUTE_MS, { before: CALM, after: CALM, ...change });
    expect(causeOf(wait.evidence())).toBe('queue_wait');
  });

  it('is infrastructure’s where a rebuild or a file transfer took most of it, also one that still goes on', async () => {
    const { clock, rollout, run } = open();
    const wait = new LockWait(rollout, clock);
    await run(3 * MINUTE_MS);
    using _rebuild = rollout.heldUpTime.begin(clock);
    await clock.advance(5 * MINUTE_MS);
    expect(causeOf(wait.evidence())).toBe('queue_wait');
  });

  it('is not excused by what held calls up before it began, nor by a little of it', async () => {
    const { clock, rollout, run } = open();
    rollout.heldUpTime.add(60 * MINUTE_MS);
    const wait = new LockWait(rollout, clock);
    rollout.heldUpTime.add(2_000);
    await run(8 * MINUTE_MS);
    expect(causeOf(wait.evidence())).toBe('turn_wait');
  });
});
