import { expect, it } from 'vitest';
import type { JournalEvent } from '../../../src/journal/event.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { restore, type RestoreParts } from '../../../src/rollouts/restore.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { nothingPast } from '../support/nothing-past.ts';

it('a thousand rollouts of a task that is configured no more are one line in the log, and are passed over', async () => {
  const opened = Array.from({ length: 1_000 }, (_, nth) => ({
    type: 'rollout_opened',
    at: '2026-06-01T00:00:00.000Z',
    rollout: `r-${String(nth)}`,
    task: 'renamed',
    image: 'base',
    policy: 'default',
    job: 'job',
  })) as JournalEvent[];
  const logged: unknown[] = [];
  const parts = {
    catalog: { tasks: new Map() },
    index: nothingPast,
    journal: {
      async *events() {
        for (const event of opened) yield await Promise.resolve({ event, position: null });
      },
    } as unknown as Journal,
    engine: new FakeEngine(),
    clock: new ManualClock(),
    log: { info: () => undefined, warn: (...told: unknown[]) => logged.push(told), error: () => undefined },
  } as unknown as RestoreParts;
  expect(await restore(parts)).toEqual([]);
  expect(logged).toEqual([
    [
      { rollouts: 1_000, tasks: ['renamed'], examples: ['r-0', 'r-1', 'r-2'] },
      'rollouts of tasks that are configured no more',
    ],
  ]);
});
