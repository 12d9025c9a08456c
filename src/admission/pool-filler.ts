import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import { SandboxFault, type Sandbox, type SandboxSpec } from '../sandbox/sandbox.ts';
import type { LiveSandboxes } from './live-sandboxes.ts';
import { PoolClass } from './pool-class.ts';
import { QueueRefusal } from './queue-refusal.ts';
import type { QueueSpeed } from './queue-speed.ts';
import type { RemovalQueue } from './removal-queue.ts';
import { isTheTasks, type StartQueue } from './start-queue.ts';

const TICK_MS = 1_000;
const REFILL_MS = 10 * 60_000;
/** After a refill that failed by the task's own fault. */
const REST_MS = 60_000;

export interface PoolParts {
  readonly starts: StartQueue;
  readonly removals: RemovalQueue;
  readonly live: LiveSandboxes;
  readonly speed: QueueSpeed;
  readonly clock: Clock;
  readonly log: Log;
  /** Warm sandboxes of all classes together. */
  readonly budget: number;
}

/** Keeps every class of the warm pool at its target: asks for refills, takes them back, removes what is too many. */
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
   * Begins to keep the pool filled, or goes on with other classes. Call after an earlier life's sandboxes have been
   * looked through, and after each reload of the configuration.
   */
  open(specs: Iterable<SandboxSpec>): void {
    const wanted = new Set([...specs].map((spec) => this.classOf(spec)));
    for (const pool of this.#classes.values()) pool.retired = !wanted.has(pool);
    this.#cancelTick();
    this.#open = true;
    this.#tick();
  }

  /** Stops filling and hands every warm sandbox to removal. */
  close(): void {
    this.#open = false;
    this.#cancelTick();
    for (const pool of this.#classes.values()) {
      for (const refill of pool.refills) refill.leave.abort();
      this.drop(pool, pool.ready);
    }
  }

  /** Takes in a sandbox that nobody has, or removes it where the pool is closed. */
  keep(pool: PoolClass, sandbox: Sandbox): void {
    if (this.#open) pool.put(sandbox, () => this.remove(sandbox));
    else this.remove(sandbox);
  }

  remove(sandbox: Sandbox): void {
    sandbox.detach();
    void this.#parts.removals.add(sandbox.handle);
  }

  drop(pool: PoolClass, count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const sandbox = pool.pop();
      if (sandbox !== null) this.remove(sandbox);
    }
  }

  #tick(): void {
    for (const pool of this.#classes.values()) this.fit(pool);
    if (this.#open) this.#cancelTick = this.#parts.clock.alarm(TICK_MS, () => this.#tick());
  }

  /** Asks for what is missing, takes back what is no longer wanted. */
  fit(pool: PoolClass): void {
    if (!this.#open) return;
    const now = this.#parts.clock.monotonic();
    const target = this.target(pool);
    const missing = target - pool.ready - pool.refills.size;
    const resting = now < pool.restsUntil;
    for (let more = missing; more > 0 && !resting; more -= 1) void this.#refill(pool);
    for (const refill of [...pool.refills].toReversed().slice(0, Math.max(0, -missing))) refill.leave.abort();
    if (pool.ready > target) this.drop(pool, pool.ready - target);
  }

  /** How many the class is to have ready, within the budget of all. */
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
      this.keep(pool, sandbox);
    };
    try {
      const { signal: leave } = refill.leave;
      await starts.refill({ spec, deadline, leave, onFault: () => undefined, onStarted });
    } catch (error) {
      pool.refills.delete(refill);
      if (error instanceof QueueRefusal) return;
      if (!(error instanceof SandboxFault)) throw error;
      if (isTheTasks(error)) pool.restsUntil = clock.monotonic() + REST_MS;
      log.warn({ poolClass: spec.poolClass, code: error.code, error: error.message }, 'pool not refilled');
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
