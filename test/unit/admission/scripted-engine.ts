import { openAdmission, type Admission } from '../../../src/admission/admission.ts';
import { Deadline } from '../../../src/kernel/deadline.ts';
import { jobId, rolloutId } from '../../../src/kernel/ids.ts';
import type {
  EngineInfo,
  Sandbox,
  SandboxEngine,
  SandboxFault,
  SandboxHandle,
  SandboxSpec,
} from '../../../src/sandbox/sandbox.ts';
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

/** What a test may have of a policy here. */
export function specNamed(name: string, pool?: { min: number; max: number }): SandboxSpec {
  return { poolClass: name, policy: { pool, times: { sandbox_start: 60_000 } } } as unknown as SandboxSpec;
}

export class ScriptedSandbox {
  readonly handle: SandboxHandle;
  readonly spec: SandboxSpec;
  readonly offers = { shell: '/bin/sh', python: null };
  lastCall = 2;
  detached = false;
  /** What the check before use is answered with; `dead` rejects, `silent` never answers. */
  health: 'well' | 'dead' | 'silent' = 'well';
  readonly #lost = Promise.withResolvers<SandboxFault>();
  readonly #fault: SandboxFault;

  constructor(id: string, spec: SandboxSpec, fault: SandboxFault) {
    this.handle = { engine: 'scripted', id, instance: null, poolClass: spec.poolClass };
    this.spec = spec;
    this.#fault = fault;
  }

  get lost(): Promise<SandboxFault> {
    return this.#lost.promise;
  }

  die(): void {
    this.health = 'dead';
    this.#lost.resolve(this.#fault);
  }

  answers(deadline: Deadline): Promise<void> {
    if (this.health === 'dead') return Promise.reject(this.#fault);
    return this.health === 'well' ? Promise.resolve() : deadline.race(new Promise(() => undefined));
  }

  run(call: number): Promise<unknown> {
    this.lastCall = Math.max(this.lastCall, call);
    return Promise.resolve({ type: 'start-failed', stage: 'exec', errno: 2 });
  }

  acknowledge(): void {
    return;
  }

  detach(): void {
    this.detached = true;
  }
}

/** An engine that takes as long as the test says, fails when told, and counts what it is asked. */
export class ScriptedEngine {
  readonly name = 'scripted';
  readonly clock: ManualClock;
  startMs = 100;
  removeMs = 30;
  /** Called before each start and removal; what it returns is thrown. */
  startFault: (spec: SandboxSpec, nth: number) => SandboxFault | null = () => null;
  removeFault: (nth: number) => SandboxFault | null = () => null;
  answers = true;
  readonly made: ScriptedSandbox[] = [];
  readonly removed: string[] = [];
  readonly order: string[] = [];
  inFlight = 0;
  mostInFlight = 0;
  starts = 0;
  #removals = 0;
  readonly #fault: SandboxFault;

  constructor(clock: ManualClock, lostFault: SandboxFault) {
    this.clock = clock;
    this.#fault = lostFault;
  }

  async start(spec: SandboxSpec): Promise<Sandbox> {
    this.starts += 1;
    const fault = this.startFault(spec, this.starts);
    this.order.push(spec.poolClass);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    await new Promise<void>((resolve) => this.clock.alarm(this.startMs, resolve));
    this.inFlight -= 1;
    if (fault !== null) throw fault;
    const sandbox = new ScriptedSandbox(`sandbox-${String(this.made.length + 1)}`, spec, this.#fault);
    this.made.push(sandbox);
    return sandbox as unknown as Sandbox;
  }

  async remove(handle: SandboxHandle): Promise<void> {
    this.#removals += 1;
    this.order.push('removal');
    const fault = this.removeFault(this.#removals);
    await new Promise<void>((resolve) => this.clock.alarm(this.removeMs, resolve));
    if (fault !== null) throw fault;
    this.removed.push(handle.id);
  }

  ping(): Promise<EngineInfo> {
    if (!this.answers) return Promise.reject(this.#fault);
    return Promise.resolve({ version: '0', runtime: 'none', cgroupVersion: 2 });
  }

  /** Made and not removed. */
  get live(): number {
    return this.made.length - this.removed.length;
  }
}

export interface Scene extends Admission {
  readonly clock: ManualClock;
  readonly engine: ScriptedEngine;
  /** Asks for a sandbox for a new rollout, through the pool. */
  readonly take: (request?: {
    spec?: SandboxSpec;
    job?: string;
    ms?: number;
    leave?: AbortSignal;
  }) => Promise<Sandbox>;
  readonly faults: string[];
}

export function scene(
  fault: SandboxFault,
  options: { startsAtOnce?: number; cap?: number; budget?: number } = {},
): Scene {
  const clock = new SettledClock();
  const engine = new ScriptedEngine(clock, fault);
  const most = options.cap ?? 1_000;
  const by = { memory: most, pids: most, descriptors: most };
  const cap = { cap: most, boundBy: 'memory', by, poolBudget: options.budget ?? most } as const;
  const admission = openAdmission({
    engine: engine as unknown as SandboxEngine,
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
