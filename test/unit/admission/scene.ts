import { openAdmission, type Admission } from '../../../src/admission/admission.ts';
import { Deadline } from '../../../src/kernel/deadline.ts';
import { jobId, rolloutId } from '../../../src/kernel/ids.ts';
import type { Sandbox, SandboxSpec } from '../../../src/sandbox/sandbox.ts';
import { specOf } from '../../conformance/spec.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { noImages } from '../support/no-images.ts';
import { noLog } from '../support/no-log.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

export const HOLD_MS = 570_000;

/** Lets what was just asked for get under way before time moves. */
class SettledClock extends ManualClock {
  override async advance(ms: number): Promise<void> {
    await settle();
    await super.advance(ms);
  }
}

/** How long a start and a removal take, unless a test says otherwise. */
const START_MS = 100;
const REMOVE_MS = 30;

export function specNamed(name: string, pool?: { min: number; max: number }): SandboxSpec {
  return { ...specOf('fake/shell', { pool }), poolClass: name };
}

export interface Scene extends Admission {
  readonly clock: ManualClock;
  readonly engine: FakeEngine;
  /** Asks for a sandbox for a new rollout, through the pool. */
  readonly take: (request?: {
    spec?: SandboxSpec;
    job?: string;
    ms?: number;
    leave?: AbortSignal;
  }) => Promise<Sandbox>;
  readonly faults: string[];
}

export function scene(options: { startsAtOnce?: number; cap?: number; budget?: number } = {}): Scene {
  const clock = new SettledClock();
  const engine = new FakeEngine({ clock });
  engine.startMs = START_MS;
  engine.removeMs = REMOVE_MS;
  const most = options.cap ?? 1_000;
  const by = { memory: most, pids: most, descriptors: most };
  const cap = { cap: most, boundBy: 'memory', by, poolBudget: options.budget ?? most } as const;
  const admission = openAdmission({
    engine,
    images: noImages,
    clock,
    log: noLog,
    startsAtOnce: options.startsAtOnce ?? 4,
    cap,
  });
  const faults: string[] = [];
  let rollouts = 0;
  const take: Scene['take'] = ({ spec = specNamed('a'), job = 'job', ms = HOLD_MS, leave } = {}) => {
    rollouts += 1;
    return admission.pool.acquireSandbox({
      spec,
      job: jobId(job),
      rollout: rolloutId(`rollout-${String(rollouts)}`),
      deadline: Deadline.after(clock, 'queue_wait', ms),
      ...(leave === undefined ? {} : { leave }),
      onFault: (seen) => faults.push(seen.code),
    });
  };
  return { ...admission, clock, engine, take, faults };
}

/** Settles without throwing; what is counted are the endings. */
export async function endings(
  takes: readonly Promise<Sandbox>[],
): Promise<{ served: Sandbox[]; refused: unknown[] }> {
  const all = await Promise.allSettled(takes);
  await settle();
  return {
    served: all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    refused: all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])),
  };
}
