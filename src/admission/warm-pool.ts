import type { RolloutId } from '../kernel/ids.ts';
import type { Sandbox, SandboxHandle, SandboxSpec } from '../sandbox/sandbox.ts';
import type { PoolClass } from './pool-class.ts';
import { PoolFiller, type PoolParts } from './pool-filler.ts';
import type { QueuePlace, SandboxRequest, SandboxSupply, SupplyLoad } from './sandbox-supply.ts';
import { WarmCheck } from './warm-check.ts';

/** How long an announced burst may be late. */
const ANNOUNCED_MS = 15 * 60_000;
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
  readonly #filler: PoolFiller;
  readonly #check: WarmCheck;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#filler = new PoolFiller(parts);
    this.#check = new WarmCheck(parts.clock);
  }

  get load(): PoolLoad {
    const load = { ready: 0, filling: 0, warmTaken: 0, coldTaken: 0 };
    for (const pool of this.#filler.classes()) {
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
    return [...this.#filler.classes()].map((pool) => this.#viewOf(pool));
  }

  /** A burst of `count` rollouts is announced: that many are made ready, as far as budget and policy allow. */
  prewarm(spec: SandboxSpec, count: number): PoolView {
    const pool = this.#filler.classOf(spec);
    pool.announced = count;
    pool.announcedUntil = this.#parts.clock.monotonic() + ANNOUNCED_MS;
    pool.restsUntil = 0;
    this.#filler.fit(pool);
    return this.#viewOf(pool);
  }

  /** Begins to keep the pool filled, or goes on with other classes; see `PoolFiller.open`. */
  open(specs: Iterable<SandboxSpec>): void {
    this.#filler.open(specs);
  }

  /** Stops filling and hands every warm sandbox to removal. */
  close(): void {
    this.#filler.close();
  }

  async take(request: SandboxRequest): Promise<Sandbox> {
    const { ownUser, ...spec } = request.spec;
    const pool = this.#filler.classOf(spec);
    pool.asked(this.#parts.clock.monotonic());
    // Warm sandboxes have users of their own already.
    const poolable = ownUser === undefined;
    const warm = poolable ? await this.#takeWarm(pool) : null;
    if (warm !== null) return warm;
    this.#makeRoom(poolable ? pool : null);
    const sandbox = await (poolable ? this.#startOrRefill(pool, request) : this.#parts.starts.take(request));
    pool.coldTaken += 1;
    return sandbox;
  }

  /** A warm sandbox whose sandboxd answers now. Dead ones are passed over and removed. */
  async #takeWarm(pool: PoolClass): Promise<Sandbox | null> {
    for (let sandbox = pool.pop(); sandbox !== null; sandbox = pool.pop()) {
      const state = await this.#check.of(sandbox);
      if (state === 'answers') {
        pool.warmTaken += 1;
        this.#filler.fit(pool);
        return sandbox;
      }
      pool.died += 1;
      this.#filler.remove(sandbox);
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
      if (served) this.#filler.keep(pool, sandbox);
      else resolve(sandbox);
    }, reject);
    try {
      return await promise;
    } finally {
      stopWaiting();
    }
  }

  /** A rollout goes before warm sandboxes that it can't use where the host is full. */
  #makeRoom(usable: PoolClass | null): void {
    if (!this.#parts.live.full) return;
    const other = [...this.#filler.classes()].find((pool) => pool !== usable && pool.ready > 0);
    if (other !== undefined) this.#filler.drop(other, 1);
  }

  #viewOf(pool: PoolClass): PoolView {
    const { ready, warmTaken, coldTaken, died } = pool;
    const { poolClass } = pool.spec;
    return {
      poolClass,
      target: this.#filler.target(pool),
      ready,
      filling: pool.refills.size,
      warmTaken,
      coldTaken,
      died,
    };
  }
}
