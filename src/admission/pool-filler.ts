import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import { SandboxFault, type Sandbox, type SandboxSpec } from '../sandbox/sandbox.ts';
import { isLasting } from './engine-start.ts';
import type { LiveSandboxes } from './live-sandboxes.ts';
import { PoolClass } from './pool-class.ts';
import { QueueRefusal } from './queue-refusal.ts';
import type { QueueSpeed } from './queue-speed.ts';
import type { RemovalQueue } from './removal-queue.ts';
import type { StartQueue } from './start-queue.ts';

const TICK_MS = 1_000;
const REFILL_MS = 10 * 60_000;
/** Time without refills after one that failed with a fault of the task. */
const REST_MS = 60_000;

export interface PoolParts {
  readonly starts: StartQueue;
  readonly removals: RemovalQueue;
  readonly live: LiveSandboxes;
  readonly speed: QueueSpeed;
  readonly clock: Clock;
  readonly log: Log;
  /** Upper bound of warm sandboxes, all pool classes together. */
  readonly budget: number;
}

/** Keeps every pool class at its target: requests and withdraws refills, and removes surplus sandboxes. */
export class PoolFiller {
  readonly #parts: PoolParts;
  readonly #classes = new Map<string, PoolClass>();
  #open = false;
  #cancelTick: () => void = () => undefined;

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  classes(): Iterable<PoolClass> {
    return this.#classes.values();
  }

  /**
   * Begins to fill the pool classes of these specs; other classes are emptied. To be called after the sandboxes of an
   * earlier controller process have been adopted or removed, and after each reload of the configuration.
   */
  open(specs: Iterable<SandboxSpec>): void {
    const wanted = new Set([...specs].map((spec) => this.classOf(spec)));
    for (const pool of this.#classes.values()) pool.retired = !wanted.has(pool);
    this.#cancelTick();
    this.#open = true;
    this.#tick();
  }

  /** Stops filling and removes every warm sandbox. */
  close(): void {
    this.#open = false;
    this.#cancelTick();
    for (const pool of this.#classes.values()) {
      for (const refill of pool.refills) refill.leave.abort();
      this.removeIdle(pool, pool.ready);
    }
  }

  /** Puts an unused sandbox into the pool, or removes it where the pool is closed. */
  putOrRemove(pool: PoolClass, sandbox: Sandbox): void {
    if (this.#open) pool.put(sandbox, () => this.remove(sandbox));
    else this.remove(sandbox);
  }

  remove(sandbox: Sandbox): void {
    sandbox.detach();
    void this.#parts.removals.add(sandbox.handle);
  }

  /** Removes so many idle sandboxes of the class. */
  removeIdle(pool: PoolClass, count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const sandbox = pool.pop();
      if (sandbox !== null) this.remove(sandbox);
    }
  }

  #tick(): void {
    for (const pool of this.#classes.values()) this.adjust(pool);
    if (this.#open) this.#cancelTick = this.#parts.clock.alarm(TICK_MS, () => this.#tick());
  }

  /** Requests missing sandboxes; withdraws refills and removes sandboxes above the target. */
  adjust(pool: PoolClass): void {
    if (!this.#open) return;
    const now = this.#parts.clock.monotonic();
    const target = this.target(pool);
    const missing = target - pool.ready - pool.refills.size;
    const resting = now < pool.restsUntil;
    for (let more = missing; more > 0 && !resting; more -= 1) void this.#refill(pool);
    for (const refill of [...pool.refills].toReversed().slice(0, Math.max(0, -missing))) refill.leave.abort();
    if (pool.ready > target) this.removeIdle(pool, pool.ready - target);
  }

  /** How many sandboxes the class shall have ready, within the budget of all classes. */
  target(pool: PoolClass): number {
    const { clock, speed, budget } = this.#parts;
    const others = [...this.#classes.values()].filter((other) => other !== pool);
    const used = others.reduce((sum, other) => sum + other.ready + other.refills.size, 0);
    return Math.min(pool.target(clock.monotonic(), speed.startMs), Math.max(0, budget - used));
  }

  async #refill(pool: PoolClass): Promise<void> {
    const { clock, log, starts } = this.#parts;
    const refill = { leave: new AbortController() };
    pool.refills.add(refill);
    const deadline = Deadline.after(clock, 'queue_wait', REFILL_MS);
    const { spec } = pool;
    const onStarted = (sandbox: Sandbox): void => {
      pool.refills.delete(refill);
      this.putOrRemove(pool, sandbox);
    };
    try {
      const { signal: leave } = refill.leave;
      await starts.startForPool({ spec, deadline, leave, onFault: () => undefined, onStarted });
    } catch (error) {
      pool.refills.delete(refill);
      if (error instanceof QueueRefusal) return;
      if (!(error instanceof SandboxFault)) throw error;
      if (isLasting(error)) pool.restsUntil = clock.monotonic() + REST_MS;
      log.warn(
        { poolClass: spec.poolClass, code: error.code, error: error.message },
        'warm pool refill failed',
      );
    }
  }

  classOf(spec: SandboxSpec): PoolClass {
    const known = this.#classes.get(spec.poolClass);
    if (known !== undefined) return known;
    const fresh = new PoolClass(spec);
    this.#classes.set(spec.poolClass, fresh);
    return fresh;
  }
}
