import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { RemovalQueue } from '../../../src/admission/removal-queue.ts';
import type { Blobs } from '../../../src/journal/blobs.ts';
import { DeadlineExceeded } from '../../../src/kernel/deadline.ts';
import { jobId, rolloutId } from '../../../src/kernel/ids.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import { Losses } from '../../../src/rollouts/losses.ts';
import { NotRecovered } from '../../../src/rollouts/recovery.ts';
import type { Rollouts } from '../../../src/rollouts/registry.ts';
import { Rollout } from '../../../src/rollouts/rollout.ts';
import type { SandboxClaims } from '../../../src/rollouts/sandbox-claims.ts';
import { SetupFailed } from '../../../src/rollouts/set-up.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { FileTransfer, type TransferProblem } from '../../../src/tools/transfer.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryJournal } from '../support/memory-journal.ts';

const { defaultTask: task } = loadCatalog({
  policiesDir: 'policies',
  imagesDir: 'images',
  taskFile: 'policies/tasks.yaml',
});

/** An upload into a rollout that gets no sandbox, for this error. */
async function uploadWithout(error: Error): Promise<{ outcome: object | TransferProblem; rollout: Rollout }> {
  const [engine, clock, { journal }] = [new FakeEngine(), new ManualClock(), new MemoryJournal()];
  const rollout = new Rollout({ id: rolloutId('r'), task, job: jobId('j'), openedAt: 0 });
  const transfer = new FileTransfer({
    rollouts: { openRollout: () => Promise.resolve(rollout) } as unknown as Rollouts,
    sandboxes: {
      claims: { acquireSandbox: () => Promise.reject(error) } as unknown as SandboxClaims,
      losses: new Losses({ engine, removals: {} as unknown as RemovalQueue, journal, clock }),
    },
    blobs: { put: () => Promise.resolve({ sha256: 'f', bytes: 1 }) } as unknown as Blobs,
    journal,
    clock,
  });
  return { outcome: await transfer.upload({ id: rollout.id }, '/tmp/x', Readable.from([])), rollout };
}

describe('a transfer in a rollout that gets no sandbox is a 503', () => {
  test.each<[string, Error, string | null]>([
    [
      'and loses the rollout where no start can help',
      new SandboxFault('image_missing', 'x'),
      'image_missing',
    ],
    ['and loses the rollout where its set-up fails', new SetupFailed('x'), 'setup_failed'],
    ['and loses the rollout where it is not recovered', new NotRecovered('blind', new Error('x')), 'blind'],
    ['and leaves the rollout alone where time ran out', new DeadlineExceeded('queue_wait', 1), null],
  ])('%s', async (_what, error, lossCause) => {
    const { outcome, rollout } = await uploadWithout(error);
    expect(outcome).toMatchObject({ status: 503 });
    expect(rollout.lossCause).toBe(lossCause);
  });

  test('unless it is a bug of ours, which is thrown on', async () => {
    await expect(uploadWithout(new TypeError('a bug'))).rejects.toThrow('a bug');
  });
});
