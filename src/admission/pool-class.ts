import type { Sandbox, SandboxSpec } from '../sandbox/sandbox.ts';
import { BurstMemory } from './burst-memory.ts';

/** A rollout that would take a refill if one came before its own start. */
interface Waiter {
  readonly give: (sandbox: Sandbox) => void;
}

/** A refill that has been asked for. Aborting takes it back unless it has begun. */
interface Refill {
  readonly leave: AbortController;
}

/**
 * The warm sandboxes of one image and policy, each nobody's until it is taken, and each taken once: a sandbox is in
 * `#idle` or in somebody's hands, never both, and nothing puts one back that was given out.
 */
export class PoolClass {
  readonly spec: SandboxSpec;
  readonly bursts = new BurstMemory();
  readonly refills = new Set<Refill>();
  /** Announced by `prewarm` and not yet taken. */
  announced = 0;
  announcedUntil = 0;
  warmTaken = 0;
  coldTaken = 0;
  died = 0;
  /** Until then no refill is tried: the last one failed by the task's own fault. */
  restsUntil = 0;
  /** No task of the present configuration is of this class: what is warm goes, nothing is filled. */
  retired = false;
  readonly #idle = new Set<Sandbox>();
  readonly #waiters = new Set<Waiter>();

  constructor(spec: SandboxSpec) {
    this.spec = spec;
  }

  get ready(): number {
    return this.#idle.size;
  }

  /** How many to keep ready, by policy, announcement and memory of bursts. */
  target(now: number, fillMsEach: number): number {
    if (this.retired) return 0;
    const { min, max } = this.spec.policy.pool ?? DEFAULT_POOL;
    const announced = now < this.announcedUntil ? this.announced : 0;
    const size = this.bursts.size(now);
    const learned = this.bursts.isFillingTime(now, size * fillMsEach) ? size : Math.min(size, this.ready);
    return Math.max(min, Math.min(max, Math.max(learned, announced)));
  }

  /**
   * Takes in a warm sandbox: straight to a rollout that waits for one, else to the idle ones.
   *
   * @param onDead Called at most once, and only while it is idle: it has left the pool and must be removed.
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

  /** The one that has been ready longest; null where there is none. */
  pop(): Sandbox | null {
    for (const sandbox of this.#idle) {
      this.#idle.delete(sandbox);
      return sandbox;
    }
    return null;
  }

  /** `give` is called with the next warm sandbox, unless the returned function is called first. */
  wait(give: Waiter['give']): () => void {
    const waiter = { give };
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  /** A rollout asks. Claims of a burst that was announced use the announcement up. */
  asked(now: number): void {
    this.bursts.arrived(now);
    this.announced = Math.max(0, this.announced - 1);
  }
}

/** For policies without `pool`: nothing unless a burst is announced or remembered. */
export const DEFAULT_POOL = { min: 0, max: 1_000 } as const;
