import type { RolloutKey } from '../kernel/ids.ts';
import type { Sandbox, SandboxHandle, SandboxSpec } from '../sandbox/sandbox.ts';
import type { PoolClass } from './pool-class.ts';
import { PoolFiller, type PoolParts } from './pool-filler.ts';
import type { QueuePlace, SandboxRequest, SandboxSupply, SupplyLoad } from './sandbox-supply.ts';
import { WarmCheck } from './warm-check.ts';

/** How long an announcement is valid. */
const ANNOUNCED_MS = 15 * 60_000;

/** Over all pool classes. `warmTaken` and `coldTaken` count from the start of this process. */
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
 * Sandboxes started before a rollout requests them. Claiming one is an operation in memory. Where the pool is empty, the
 * rollout's own start is queued; that start or a refill in progress serves the rollout, whichever is ready first.
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

  queuePlaceOf(rollout: RolloutKey): QueuePlace | null {
    return this.#parts.starts.queuePlaceOf(rollout);
  }

  countAdopted(handle: SandboxHandle): void {
    this.#parts.starts.countAdopted(handle);
  }

  view(): PoolView[] {
    return [...this.#filler.classes()].map((pool) => this.#viewOf(pool));
  }

  /** Announces a burst of `count` rollouts: that many sandboxes are started, within budget and sandbox policy. */
  prewarm(spec: SandboxSpec, count: number): PoolView {
    const pool = this.#filler.classOf(spec);
    pool.announced = count;
    pool.announcedUntil = this.#parts.clock.monotonic() + ANNOUNCED_MS;
    pool.restsUntil = 0;
    this.#filler.adjust(pool);
    return this.#viewOf(pool);
  }

  /** Begins to fill the pool for these specs, or changes to these; see `PoolFiller.open`. */
  open(specs: Iterable<SandboxSpec>): void {
    this.#filler.open(specs);
  }

  /** Stops filling and removes every warm sandbox. */
  close(): void {
    this.#filler.close();
  }

  async acquireSandbox(request: SandboxRequest): Promise<Sandbox> {
    const { ownUser, ...spec } = request.spec;
    const pool = this.#filler.classOf(spec);
    pool.noteRequest(this.#parts.clock.monotonic());
    // A warm sandbox has a user id of its own already.
    const poolable = ownUser === undefined;
    const warm = poolable ? await this.#claimWarm(pool) : null;
    if (warm !== null) return warm;
    this.#makeRoom(poolable ? pool : null);
    const sandbox = await (poolable
      ? this.#startOrRefill(pool, request)
      : this.#parts.starts.startForRollout(request));
    pool.coldTaken += 1;
    return sandbox;
  }

  /** A warm sandbox whose sandboxd answers; null where there is none. Dead sandboxes are removed. */
  async #claimWarm(pool: PoolClass): Promise<Sandbox | null> {
    for (let sandbox = pool.pop(); sandbox !== null; sandbox = pool.pop()) {
      const state = await this.#check.of(sandbox);
      if (state === 'answers') {
        pool.warmTaken += 1;
        this.#filler.adjust(pool);
        return sandbox;
      }
      pool.died += 1;
      this.#filler.remove(sandbox);
      // The engine is the more likely cause of silence; checking further sandboxes would only empty the pool.
      if (state === 'silent') return null;
    }
    return null;
  }

  /** The rollout's own start or a refill, whichever is ready first. A start that is ready later goes into the pool. */
  async #startOrRefill(pool: PoolClass, request: SandboxRequest): Promise<Sandbox> {
    const { promise, resolve, reject } = Promise.withResolvers<Sandbox>();
    const handedOver = new AbortController();
    const leave = AbortSignal.any([
      handedOver.signal,
      ...(request.leave === undefined ? [] : [request.leave]),
    ]);
    let served = false;
    const stopWaiting = pool.waitForRefill((sandbox) => {
      served = true;
      // Before anything else: when the refill ends, its capacity must not go to the start that is no longer needed.
      handedOver.abort();
      resolve(sandbox);
    });
    const own = this.#parts.starts.startForRollout({ ...request, leave });
    own.then((sandbox) => {
      stopWaiting();
      if (served) this.#filler.putOrRemove(pool, sandbox);
      else resolve(sandbox);
    }, reject);
    try {
      return await promise;
    } finally {
      stopWaiting();
    }
  }

  /** Where the host is full, removes an idle sandbox that this rollout cannot use. */
  #makeRoom(usable: PoolClass | null): void {
    if (!this.#parts.live.full) return;
    const other = [...this.#filler.classes()].find((pool) => pool !== usable && pool.ready > 0);
    if (other !== undefined) this.#filler.removeIdle(other, 1);
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
