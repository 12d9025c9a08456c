import { describe, expect, it } from 'vitest';
import { callId, jobId, rolloutId, rolloutKey, type RolloutId } from '../../../src/kernel/ids.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import type { Catalog } from '../../../src/policy/schema.ts';
import { Rollouts } from '../../../src/rollouts/registry.ts';
import { openSandboxes, type Sandboxes } from '../../../src/rollouts/sandboxes.ts';
import { TokenBudget } from '../../../src/tokens/token-budget.ts';
import { ToolCalls } from '../../../src/tools/call.ts';
import { type CallAnswer } from '../../../src/tools/call-answer.ts';
import { settle } from '../support/manual-clock.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { nothingPast } from '../support/nothing-past.ts';
import { scene, type Scene } from '../admission/scene.ts';

const MINUTE_MS = 60_000;

interface Controller extends Scene {
  readonly journal: MemoryJournal;
  readonly rollouts: Rollouts;
  readonly sandboxes: Sandboxes;
  readonly call: (rollout: string, id: string, gone?: AbortSignal) => Promise<CallAnswer>;
}

function controller(): Controller {
  const set = scene({ startsAtOnce: 1 });
  const { clock, engine, pool: supply, removals } = set;
  const memory = new MemoryJournal();
  const { journal } = memory;
  const catalog = patient(
    loadCatalog({ policiesDir: 'policies', imagesDir: 'images', taskFile: 'policies/tasks.yaml' }),
  );
  const rollouts = new Rollouts({ catalog, journal, index: nothingPast, clock });
  const sandboxes = openSandboxes({
    supply,
    removals,
    engine,
    recovery: null as never,
    journal,
    clock,
  });
  const tokens = new TokenBudget({ clock });
  const ignore = (): undefined => undefined;
  const calls = new ToolCalls({
    rollouts,
    sandboxes,
    journal,
    clock,
    tokens,
    onFinished: ignore,
    onReusedId: ignore,
  });
  const call: Controller['call'] = (rollout, id, gone) =>
    calls.runCall({
      opening: { id: rolloutId(rollout), job: jobId('job') },
      callId: callId(id),
      tool: 'shell',
      arguments: { command: 'true' },
      ...(gone === undefined ? {} : { requester: { gone, onDelivered: () => undefined } }),
    });
  return { ...set, journal: memory, rollouts, sandboxes, call };
}

/** With starts that may take as long as a test says. */
function patient(catalog: Catalog): Catalog {
  const { policy, ...rest } = catalog.defaultTask;
  const times = { ...policy.times, sandbox_start: 10 * MINUTE_MS };
  const defaultTask = { ...rest, policy: { ...policy, times } };
  return { ...catalog, defaultTask, tasks: new Map(catalog.tasks).set(defaultTask.name, defaultTask) };
}

function positionOf(set: Controller, id: string): number | null {
  return set.starts.queuePlaceOf(rolloutKey(id, 'job'))?.position ?? null;
}

async function answered(call: Promise<CallAnswer>): Promise<[number, string]> {
  const { status, outcome } = await call;
  return [status, outcome.cause];
}

describe('a place in the start queue', () => {
  it('is kept over the 503 of a hold that ran out, and the repetition finds it', async () => {
    const set = controller();
    set.engine.startMs = 50_000;
    const first = Array.from({ length: 120 }, (_, nth) => set.call(`r-${String(nth)}`, 'c'));
    await set.clock.advance(9.5 * MINUTE_MS + 1);
    const endings = await Promise.all(first.map(answered));
    const held = endings.flatMap(([status], nth) => (status === 503 ? [nth] : []));
    expect(held.length).toBeGreaterThan(5);
    expect(held.at(-1)).toBe(119);
    const place = positionOf(set, 'r-119');
    expect(place).toBeGreaterThan(1);
    expect((await first[119])?.retryAfterMs).toBeLessThanOrEqual(30_000);
    const again = set.call('r-119', 'c');
    await settle();
    expect(positionOf(set, 'r-119')).toBe(place);
    await set.clock.advance(9.4 * MINUTE_MS);
    expect((await answered(again))[0]).toBe(200);
    expect(set.journal.of('call_intended').filter(({ rollout }) => rollout === 'r-119')).toHaveLength(1);
  });

  it('is kept for a minute for a client that went away, then given up; nothing is started for it', async () => {
    const set = controller();
    set.engine.startMs = 200_000;
    const gone = new AbortController();
    const calls = [set.call('r-0', 'c'), set.call('r-1', 'c', gone.signal), set.call('r-2', 'c')];
    await settle();
    expect(positionOf(set, 'r-1')).toBe(1);
    gone.abort();
    await set.clock.advance(59_000);
    expect(positionOf(set, 'r-1')).toBe(1);
    await set.clock.advance(2_000);
    expect(positionOf(set, 'r-1')).toBeNull();
    expect(positionOf(set, 'r-2')).toBe(1);
    await set.clock.advance(400_000);
    expect((await Promise.all(calls.map(answered))).map(([status]) => status)).toEqual([200, 503, 200]);
    expect(set.engine.starts).toBe(2);
  });

  it('is kept where the client comes back within the minute', async () => {
    const set = controller();
    set.engine.startMs = 100_000;
    const gone = new AbortController();
    const calls = [set.call('r-0', 'c'), set.call('r-1', 'c', gone.signal)];
    await settle();
    gone.abort();
    await set.clock.advance(30_000);
    const again = set.call('r-1', 'c');
    await set.clock.advance(200_000);
    expect((await answered(again))[0]).toBe(200);
    await Promise.all(calls);
    expect(set.engine.starts).toBe(2);
  });

  it('is had anew by a call that was sent away without having run', async () => {
    const set = controller();
    set.engine.startMs = 200_000;
    const gone = new AbortController();
    const calls = [set.call('r-0', 'c'), set.call('r-1', 'c', gone.signal)];
    await settle();
    gone.abort();
    await set.clock.advance(61_000);
    expect(await answered(calls[1] ?? Promise.reject(new Error('no call')))).toEqual([503, 'queue_wait']);
    const again = set.call('r-1', 'c');
    await set.clock.advance(400_000);
    expect((await answered(again))[0]).toBe(200);
    await Promise.all(calls);
    expect(set.journal.of('call_reopened')).toMatchObject([{ rollout: 'r-1', call: 'c' }]);
    expect(set.rollouts.get('r-1' as RolloutId, jobId('job'))?.verdict.counts).toMatchObject({
      calls: 1,
      infra: 0,
    });
  });

  it('is had once by two repetitions that come at the same moment', async () => {
    const set = controller();
    set.engine.startMs = 200_000;
    const gone = new AbortController();
    const calls = [set.call('r-0', 'c'), set.call('r-1', 'c', gone.signal)];
    await settle();
    gone.abort();
    await set.clock.advance(61_000);
    expect(await answered(calls[1] ?? Promise.reject(new Error('no call')))).toEqual([503, 'queue_wait']);
    const again = [set.call('r-1', 'c'), set.call('r-1', 'c')];
    await set.clock.advance(400_000);
    expect(await Promise.all(again.map(answered))).toEqual([
      [200, 'completed'],
      [200, 'completed'],
    ]);
    await Promise.all(calls);
    expect(set.journal.of('call_reopened')).toHaveLength(1);
    expect(set.journal.of('call_intended').filter(({ rollout }) => rollout === 'r-1')).toHaveLength(1);
  });

  it('is given up at once by a rollout that is ended', async () => {
    const set = controller();
    set.engine.startMs = 100_000;
    const calls = [set.call('r-0', 'c'), set.call('r-1', 'c')];
    await settle();
    const rollout = set.rollouts.get('r-1' as RolloutId, jobId('job'));
    if (rollout !== undefined) await set.sandboxes.ends.endRollout(rollout, 'deleted');
    await settle();
    expect(positionOf(set, 'r-1')).toBeNull();
    await set.clock.advance(200_000);
    expect((await Promise.all(calls.map(answered))).map(([status]) => status)).toEqual([200, 410]);
    expect(set.engine.starts).toBe(1);
  });

  it("never counts as the model's waiting for its turn", async () => {
    const set = controller();
    set.engine.startMs = 560_000;
    const calls = [set.call('r-0', 'c-1'), set.call('r-1', 'c-1'), set.call('r-1', 'c-2')];
    await set.clock.advance(9.5 * MINUTE_MS + 1);
    const endings = await Promise.all(calls.map(answered));
    expect(endings[2]).toEqual([503, 'queue_wait']);
    const again = set.call('r-1', 'c-2');
    await set.clock.advance(9.5 * MINUTE_MS + 1);
    expect((await answered(again))[0]).toBe(200);
  });
});
