import { pause, type Clock } from '../kernel/clock.ts';
import { DeadlineExceeded, type Deadline } from '../kernel/deadline.ts';
import type { RolloutKey } from '../kernel/ids.ts';
import type { ImageStore } from '../sandbox/image-store.ts';
import { SandboxFault, type Sandbox, type SandboxHandle } from '../sandbox/sandbox.ts';
import type { EngineQueue } from './engine-queue.ts';
import { isLasting, startOnEngine, type EngineStartParts } from './engine-start.ts';
import type { Place } from './fair-queue.ts';
import { QueueRefusal, type RefusalReason } from './queue-refusal.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { QueuePlace, SandboxRequest, SupplyLoad } from './sandbox-supply.ts';

/** Pause between two attempts of one start: doubles from the first to the last, and up to half of it is random. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 5_000;
/** The longest pause before a registry is asked again: its outages last minutes rather than seconds. */
const LAST_PULL_PAUSE_MS = 30_000;
/** Waiting places at most, for claims and for refills each. Bounds memory. */
const MAX_WAITING = 20_000;

/** A start requested by the pool. */
export interface RefillRequest extends Pick<SandboxRequest, 'spec' | 'deadline' | 'leave' | 'onFault'> {
  /** Called before the start counts as ended, so that a rollout that takes the sandbox starts no second one. */
  readonly onStarted: (sandbox: Sandbox) => void;
}

export interface StartParts extends EngineStartParts {
  readonly images: ImageStore;
  readonly retries: RetryBudget;
}

interface StartRequest
  extends Omit<SandboxRequest, 'job' | 'rollout'>, Partial<Pick<RefillRequest, 'onStarted'>> {
  readonly place: Omit<Place, 'retry'>;
}

/** Starts sandboxes through the engine queue and retries faults of the engine until the deadline. */
export class StartQueue {
  readonly #clock: Clock;
  readonly #queue: EngineQueue;
  readonly #parts: StartParts;
  readonly #closing = new AbortController();
  /** Id of the place of each rollout that waits. */
  readonly #claims = new Map<RolloutKey, string>();
  #lastId = 0;

  constructor(parts: StartParts) {
    this.#clock = parts.clock;
    this.#queue = parts.queue;
    this.#parts = parts;
  }

  get load(): SupplyLoad {
    const waiting = this.#queue.waiting('claim');
    return { waiting, starting: this.#queue.inFlight('claim'), waitMs: this.#waitMs(waiting) };
  }

  /** Refuses every waiting request with `closed`. Starts in flight go on. */
  close(): void {
    this.#closing.abort();
    this.#queue.close();
  }

  /** Starts a sandbox for a rollout. Throws as `SandboxSupply.acquireSandbox`. */
  async startForRollout(request: SandboxRequest): Promise<Sandbox> {
    this.#refuseHopeless(request.deadline);
    const id = this.#newId();
    this.#claims.set(request.rollout, id);
    try {
      const place = { id, priorityClass: 'claim', job: request.job } as const;
      return await this.#startWithRetry({ ...request, place });
    } finally {
      this.#claims.delete(request.rollout);
    }
  }

  /** Starts a sandbox for the warm pool, after the starts for all waiting rollouts. Throws as `startForRollout`. */
  async startForPool(request: RefillRequest): Promise<void> {
    if (this.#queue.waiting('refill') >= MAX_WAITING) throw new QueueRefusal('full');
    const place = { id: this.#newId(), priorityClass: 'refill', job: request.spec.poolClass } as const;
    await this.#startWithRetry({ ...request, place });
  }

  queuePlaceOf(rollout: RolloutKey): QueuePlace | null {
    const id = this.#claims.get(rollout);
    if (id === undefined) return null;
    const position = this.#queue.position(id);
    if (position === null) return { position: 0, expectedWaitMs: this.#parts.speed.startMs };
    return { position: position + 1, expectedWaitMs: this.#waitMs(position) + this.#parts.speed.startMs };
  }

  countAdopted(handle: SandboxHandle): void {
    this.#parts.live.add(handle);
  }

  #waitMs(before: number): number {
    const { speed, concurrency, live, breaker } = this.#parts;
    return breaker.pauseMs + speed.waitMs(before, { limit: concurrency.limit, full: live.full });
  }

  /** The deadline includes the platform's repetitions: a start that cannot meet it is of no use to anybody. */
  #refuseHopeless(deadline: Deadline): void {
    const before = this.#queue.waiting('claim');
    if (before >= MAX_WAITING) throw new QueueRefusal('full');
    if (this.#waitMs(before) > deadline.remainingMs) throw new QueueRefusal('hopeless');
  }

  async #startWithRetry(request: StartRequest): Promise<Sandbox> {
    let provided = false;
    for (let failures = 0; ; failures += 1) {
      const started = await this.#attempt(request, failures > 0);
      if (!(started instanceof SandboxFault)) return started;
      const pulls: boolean = started.code === 'image_missing' && !provided;
      const fault: SandboxFault | null = pulls ? await this.#provideImage(request) : started;
      provided = fault === null;
      if (fault === null) continue;
      request.onFault(fault);
      if (isLasting(fault)) throw fault;
      const pauseMs = pulls ? backOffMs(failures, LAST_PULL_PAUSE_MS) : this.#retryPauseMs(failures);
      if (request.deadline.remainingMs <= pauseMs) throw fault;
      await pause(this.#clock, pauseMs, this.#closing.signal);
      if (this.#closing.signal.aborted || request.leave?.aborted === true) throw fault;
    }
  }

  /** Retries on the engine spend the retry budget. A failed pull does not: the engine is not the cause. */
  #retryPauseMs(failures: number): number {
    return Math.max(backOffMs(failures, LAST_PAUSE_MS), this.#parts.retries.spend());
  }

  /** Provides the missing image, outside the queue: a pull takes minutes and no capacity for starts. Null on success. */
  async #provideImage(request: StartRequest): Promise<SandboxFault | null> {
    const refused = Promise.withResolvers<never>();
    const stopWatching = this.#watchForRefusal(request, refused.reject);
    try {
      await Promise.race([this.#parts.images.provide(request.spec.image, request.deadline), refused.promise]);
      return null;
    } catch (error) {
      if (error instanceof SandboxFault) return error;
      throw error instanceof DeadlineExceeded ? new QueueRefusal('expired') : error;
    } finally {
      stopWatching();
    }
  }

  /** One place in the queue and one start. */
  async #attempt(request: StartRequest, retry: boolean): Promise<Sandbox | SandboxFault> {
    const { place, spec, deadline, onStarted } = request;
    const refusal = new AbortController();
    const stopWatching = this.#watchForRefusal(request, (reason) => {
      refusal.abort(reason);
    });
    const start = (): Promise<Sandbox | SandboxFault> =>
      startOnEngine(this.#parts, spec, deadline, onStarted);
    try {
      return await this.#queue.runQueued({ ...place, retry }, start, refusal.signal);
    } finally {
      stopWatching();
    }
  }

  /** Calls `refuse` when the deadline passes, the request is withdrawn or the queue is closed. Returns how to stop watching. */
  #watchForRefusal({ deadline, leave }: StartRequest, refuse: (refusal: QueueRefusal) => void): () => void {
    const refuseAs = (reason: RefusalReason) => (): void => {
      refuse(new QueueRefusal(reason));
    };
    const watches = [
      this.#clock.alarm(deadline.remainingMs, refuseAs('expired')),
      onAbort(this.#closing.signal, refuseAs('closed')),
      ...(leave === undefined ? [] : [onAbort(leave, refuseAs('withdrawn'))]),
    ];
    return () => {
      for (const stopWatch of watches) stopWatch();
    };
  }

  #newId(): string {
    this.#lastId += 1;
    return String(this.#lastId);
  }
}

/** Calls `listener` once, at once where the signal is aborted already. The returned function cancels. */
function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return () => {
    signal.removeEventListener('abort', listener);
  };
}

function backOffMs(failures: number, lastMs: number): number {
  const ceiling = Math.min(FIRST_PAUSE_MS * 2 ** failures, lastMs);
  return ceiling * (0.5 + Math.random() / 2);
}
