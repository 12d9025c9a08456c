import type { Sandbox, SandboxSpec } from '../sandbox/sandbox.ts';
import { BurstMemory } from './burst-memory.ts';

/** A rollout that takes a refill which is ready before the rollout's own start. */
interface Waiter {
  readonly give: (sandbox: Sandbox) => void;
}

/** A requested refill. Aborting `leave` withdraws it unless its start has begun. */
interface Refill {
  readonly leave: AbortController;
}

/**
 * The warm sandboxes of one image and sandbox policy. Each is given out at most once: it leaves `#idle` when it is given
 * out and is never put back.
 */
export class PoolClass {
  readonly spec: SandboxSpec;
  readonly bursts = new BurstMemory();
  readonly refills = new Set<Refill>();
  /** Sandboxes announced by `prewarm` and not yet requested by a rollout. */
  announced = 0;
  announcedUntil = 0;
  warmTaken = 0;
  coldTaken = 0;
  died = 0;
  /** No refill is requested before this time, because the last one failed with a fault of the task. */
  restsUntil = 0;
  /** No task of the current configuration uses this class: its warm sandboxes are removed and none are started. */
  retired = false;
  readonly #idle = new Set<Sandbox>();
  readonly #waiters = new Set<Waiter>();

  constructor(spec: SandboxSpec) {
    this.spec = spec;
  }

  get ready(): number {
    return this.#idle.size;
  }

  /** How many sandboxes to keep ready, from sandbox policy, announcement and remembered bursts. */
  target(now: number, fillMsEach: number): number {
    if (this.retired) return 0;
    const { min, max } = this.spec.policy.pool ?? DEFAULT_POOL;
    const announced = now < this.announcedUntil ? this.announced : 0;
    const size = this.bursts.size(now);
    const learned = this.bursts.isFillingTime(now, size * fillMsEach) ? size : Math.min(size, this.ready);
    return Math.max(min, Math.min(max, Math.max(learned, announced)));
  }

  /**
   * Takes in a warm sandbox: gives it to a rollout that waits, otherwise keeps it idle.
   *
   * @param onDead Called at most once, when the sandbox is lost while idle. It has left the pool and must be removed.
   */
  put(sandbox: Sandbox, onDead: () => void): void {
    const [waiter] = this.#waiters;
    if (waiter !== undefined) {
      this.#waiters.delete(waiter);
      waiter.give(sandbox);
      return;
    }
    this.#idle.add(sandbox);
    void sandbox.lost.then(() => {
      if (!this.#idle.delete(sandbox)) return;
      this.died += 1;
      onDead();
    });
  }

  /** Takes out the sandbox that has been idle longest; null where there is none. */
  pop(): Sandbox | null {
    for (const sandbox of this.#idle) {
      this.#idle.delete(sandbox);
      return sandbox;
    }
    return null;
  }

  /** Calls `give` with the next warm sandbox, unless the returned function is called first. */
  waitForRefill(give: Waiter['give']): () => void {
    const waiter = { give };
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  /** A rollout has requested a sandbox. Each request reduces the announced number by one. */
  noteRequest(now: number): void {
    this.bursts.arrived(now);
    this.announced = Math.max(0, this.announced - 1);
  }
}

/** For sandbox policies without `pool`: sandboxes are kept only for announced or remembered bursts. */
export const DEFAULT_POOL = { min: 0, max: 1_000 } as const;
