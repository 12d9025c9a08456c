import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { RolloutId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { SandboxFault, type Sandbox, type SandboxHandle, type SandboxSpec } from '../sandbox/sandbox.ts';
import type { LiveSandboxes } from './live-sandboxes.ts';
import { PoolClass } from './pool-class.ts';
import type { QueueSpeed } from './queue-speed.ts';
import type { RemovalQueue } from './removal-queue.ts';
import type { QueuePlace, SandboxRequest, SandboxSupply, SupplyLoad } from './sandbox-supply.ts';
import { isTheTasks, type StartQueue } from './start-queue.ts';
import { WarmCheck } from './warm-check.ts';

const TICK_MS = 1_000;
const REFILL_MS = 10 * 60_000;
/** How long an announced burst may be late. */
const ANNOUNCED_MS = 15 * 60_000;
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

/** Over all classes; what was taken, since the start of this process. */
export interface PoolLoad extends SupplyLoad {
  readonly ready: number;
  readonly filling: number;
  readonly warmTaken: number;
  readonly coldTaken: number;
}

export interface PoolView {
  readonly poolClass: string;
  readonly target: number;
  readonly ready: number;
  readonly filling: number;
  readonly warmTaken: number;
  readonly coldTaken: number;
  readonly died: number;
}

/**
 * Sandboxes that are started before anybody asks. A claim is a step in memory; what the pool can't give comes from
 * the start queue, and whichever is first, that start or a refill under way, serves the rollout.
 */
export class WarmPool implements SandboxSupply {
  readonly #parts: PoolParts;
  readonly #classes = new Map<string, PoolClass>();
  readonly #check: WarmCheck;
  #open = false;
  #cancelTick: () => void = () => undefined;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#check = new WarmCheck(parts.clock);
  }

  get load(): PoolLoad {
    const load = { ready: 0, filling: 0, warmTaken: 0, coldTaken: 0 };
    for (const pool of this.#classes.values()) {
      load.ready += pool.ready;
      load.filling += pool.refills.size;
      load.warmTaken += pool.warmTaken;
      load.coldTaken += pool.coldTaken;
    }
    return { ...this.#parts.starts.load, ...load };
  }

  place(rollout: RolloutId): QueuePlace | null {
    return this.#parts.starts.place(rollout);
  }

  adopted(handle: SandboxHandle): void {
    this.#parts.starts.adopted(handle);
  }

  view(): PoolView[] {
    return [...this.#classes.values()].map((pool) => this.#viewOf(pool));
  }

  /** Begins to keep the pool filled. Call after an earlier life's sandboxes have been looked through. */
  open(specs: Iterable<SandboxSpec>): void {
    this.#open = true;
    for (const spec of specs) this.#classOf(spec);
    this.#tick();
  }

  /** A burst of `count` rollouts is announced: that many are made ready, as far as budget and policy allow. */
  prewarm(spec: SandboxSpec, count: number): PoolView {
    const pool = this.#classOf(spec);
    pool.announced = count;
    pool.announcedUntil = this.#parts.clock.monotonic() + ANNOUNCED_MS;
    pool.restsUntil = 0;
    this.#fit(pool);
    return this.#viewOf(pool);
  }

  /** Stops filling and hands every warm sandbox to removal. */
  close(): void {
    this.#open = false;
    this.#cancelTick();
    for (const pool of this.#classes.values()) {
      for (const refill of pool.refills) refill.leave.abort();
      this.#drop(pool, pool.ready);
    }
  }

  async take(request: SandboxRequest): Promise<Sandbox> {
    const pool = this.#classOf(request.spec);
    pool.asked(this.#parts.clock.monotonic());
    const warm = await this.#takeWarm(pool);
    if (warm !== null) return warm;
    this.#makeRoom(pool);
    const sandbox = await this.#startOrRefill(pool, request);
    pool.coldTaken += 1;
    return sandbox;
  }

  /** A warm sandbox whose agent answers now. Dead ones are passed over and removed. */
  async #takeWarm(pool: PoolClass): Promise<Sandbox | null> {
    for (let sandbox = pool.pop(); sandbox !== null; sandbox = pool.pop()) {
      const state = await this.#check.of(sandbox);
      if (state === 'answers') {
        pool.warmTaken += 1;
        this.#fit(pool);
        return sandbox;
      }
      pool.died += 1;
      this.#remove(sandbox);
      // Silence is the engine's more likely than the sandbox's: no reason to use up the pool.
      if (state === 'silent') return null;
    }
    return null;
  }

  /** The rollout's own start, or a refill that is ready first. What then comes too late goes into the pool. */
  async #startOrRefill(pool: PoolClass, request: SandboxRequest): Promise<Sandbox> {
    const { promise, resolve, reject } = Promise.withResolvers<Sandbox>();
    const handedOver = new AbortController();
    const leave = AbortSignal.any([
      handedOver.signal,
      ...(request.leave === undefined ? [] : [request.leave]),
    ]);
    let served = false;
    const stopWaiting = pool.wait((sandbox) => {
      served = true;
      // At once, or the start that is not needed any more takes the place in flight that this one leaves.
      handedOver.abort();
      resolve(sandbox);
    });
    const own = this.#parts.starts.take({ ...request, leave });
    own.then((sandbox) => {
      stopWaiting();
      if (served) this.#keep(pool, sandbox);
      else resolve(sandbox);
    }, reject);
    try {
      return await promise;
    } finally {
      stopWaiting();
    }
  }

  #keep(pool: PoolClass, sandbox: Sandbox): void {
    if (this.#open) pool.put(sandbox, () => this.#remove(sandbox));
    else this.#remove(sandbox);
  }

  #remove(sandbox: Sandbox): void {
    sandbox.detach();
    void this.#parts.removals.add(sandbox.handle);
  }

  #drop(pool: PoolClass, count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const sandbox = pool.pop();
      if (sandbox !== null) this.#remove(sandbox);
    }
  }

  /** A rollout goes before warm sandboxes of another class where the host is full. */
  #makeRoom(wanted: PoolClass): void {
    if (!this.#parts.live.full) return;
    const other = [...this.#classes.values()].find((pool) => pool !== wanted && pool.ready > 0);
    if (other !== undefined) this.#drop(other, 1);
  }

  #tick(): void {
    for (const pool of this.#classes.values()) this.#fit(pool);
    if (this.#open) this.#cancelTick = this.#parts.clock.alarm(TICK_MS, () => this.#tick());
  }

  /** Asks for what is missing, takes back what is no longer wanted. */
  #fit(pool: PoolClass): void {
    if (!this.#open) return;
    const now = this.#parts.clock.monotonic();
    const target = this.#target(pool);
    const missing = target - pool.ready - pool.refills.size;
    const resting = now < pool.restsUntil;
    for (let more = missing; more > 0 && !resting; more -= 1) void this.#refill(pool);
    for (const refill of [...pool.refills].toReversed().slice(0, Math.max(0, -missing))) refill.leave.abort();
    if (pool.ready > target) this.#drop(pool, pool.ready - target);
  }

  #target(pool: PoolClass): number {
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
      this.#keep(pool, sandbox);
    };
    try {
      const { signal: leave } = refill.leave;
      await starts.refill({ spec, deadline, leave, onFault: () => undefined, onStarted });
    } catch (error) {
      pool.refills.delete(refill);
      if (!(error instanceof SandboxFault || error instanceof DeadlineExceeded)) throw error;
      if (error instanceof DeadlineExceeded) return;
      if (isTheTasks(error)) pool.restsUntil = clock.monotonic() + REST_MS;
      log.warn({ poolClass: spec.poolClass, code: error.code, error: error.message }, 'pool not refilled');
    }
  }

  #classOf(spec: SandboxSpec): PoolClass {
    const known = this.#classes.get(spec.poolClass);
    if (known !== undefined) return known;
    const fresh = new PoolClass(spec);
    this.#classes.set(spec.poolClass, fresh);
    return fresh;
  }

  #viewOf(pool: PoolClass): PoolView {
    const { ready, warmTaken, coldTaken, died } = pool;
    const { poolClass } = pool.spec;
    return {
      poolClass,
      target: this.#target(pool),
      ready,
      filling: pool.refills.size,
      warmTaken,
      coldTaken,
      died,
    };
  }
}
