import { pause, type Clock } from '../kernel/clock.ts';
import { DeadlineExceeded, type Deadline } from '../kernel/deadline.ts';
import type { RolloutId } from '../kernel/ids.ts';
import type { ImageStore } from '../sandbox/image-store.ts';
import { SandboxFault, type Sandbox, type SandboxEngine, type SandboxHandle } from '../sandbox/sandbox.ts';
import type { EngineQueue, Place, QueueParts } from './engine-queue.ts';
import { QueueRefusal, type RefusalReason } from './queue-refusal.ts';
import type { QueueSpeed } from './queue-speed.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { QueuePlace, SandboxRequest, SandboxSupply, SupplyLoad } from './sandbox-supply.ts';

/** Back-off between tries of one start: doubles from the first to the last, with up to half of it random. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 5_000;
/** The same for a registry: minutes away rather than seconds. */
const LAST_PULL_PAUSE_MS = 30_000;
/** Places at most, claims and refills each. Beyond, memory is at stake rather than time. */
const MOST_WAITING = 20_000;

/** A start for the warm pool: the rollout's wish without the rollout. */
export interface RefillRequest extends Pick<SandboxRequest, 'spec' | 'deadline' | 'leave' | 'onFault'> {
  /** Told before the start gives up its place in flight, so that whoever waits for the sandbox needs no other. */
  readonly onStarted: (sandbox: Sandbox) => void;
}

export interface StartParts extends QueueParts {
  readonly engine: SandboxEngine;
  readonly images: ImageStore;
  readonly queue: EngineQueue;
  readonly speed: QueueSpeed;
  readonly retries: RetryBudget;
}

interface Wish extends Omit<SandboxRequest, 'job' | 'rollout'>, Partial<Pick<RefillRequest, 'onStarted'>> {
  readonly place: Omit<Place, 'again'>;
}

/** Starts sandboxes through the engine's queue; retries what may pass and tells width, breaker and speed what it saw. */
export class StartQueue implements SandboxSupply {
  readonly #clock: Clock;
  readonly #queue: EngineQueue;
  readonly #parts: StartParts;
  readonly #closing = new AbortController();
  readonly #claims = new Map<RolloutId, string>();
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

  /** Sends everybody who waits away, as if their deadline had come. Starts in flight finish. */
  close(): void {
    this.#closing.abort();
    this.#queue.close();
  }

  async take(request: SandboxRequest): Promise<Sandbox> {
    this.#refuseWhereHopeless(request.deadline);
    const id = this.#newId();
    this.#claims.set(request.rollout, id);
    try {
      return await this.#persist({ ...request, place: { id, lane: 'claim', job: request.job } });
    } finally {
      this.#claims.delete(request.rollout);
    }
  }

  /** As `take`, for the warm pool: behind every rollout that waits. */
  async refill(request: RefillRequest): Promise<void> {
    if (this.#queue.waiting('refill') >= MOST_WAITING) throw new QueueRefusal('full');
    await this.#persist({
      ...request,
      place: { id: this.#newId(), lane: 'refill', job: request.spec.poolClass },
    });
  }

  place(rollout: RolloutId): QueuePlace | null {
    const id = this.#claims.get(rollout);
    if (id === undefined) return null;
    const position = this.#queue.position(id);
    if (position === null) return { position: 0, expectedWaitMs: this.#parts.speed.startMs };
    return { position: position + 1, expectedWaitMs: this.#waitMs(position) + this.#parts.speed.startMs };
  }

  adopted(handle: SandboxHandle): void {
    this.#parts.live.add(handle);
  }

  #waitMs(before: number): number {
    const { speed, width, live, breaker } = this.#parts;
    return breaker.pauseMs + speed.waitMs(before, { width: width.width, full: live.full });
  }

  /** The deadline covers the platform's repetitions, so what can't be served within it never will be. */
  #refuseWhereHopeless(deadline: Deadline): void {
    const before = this.#queue.waiting('claim');
    if (before >= MOST_WAITING) throw new QueueRefusal('full');
    if (this.#waitMs(before) > deadline.remainingMs) throw new QueueRefusal('hopeless');
  }

  async #persist(wish: Wish): Promise<Sandbox> {
    let provided = false;
    for (let failures = 0; ; failures += 1) {
      const started = await this.#attempt(wish, failures > 0);
      if (!(started instanceof SandboxFault)) return started;
      const pulls: boolean = started.code === 'image_missing' && !provided;
      const fault: SandboxFault | null = pulls ? await this.#provideImage(wish) : started;
      provided = fault === null;
      if (fault === null) continue;
      wish.onFault(fault);
      if (isTheTasks(fault)) throw fault;
      // A registry that is away says nothing about the engine, whose retries have a budget.
      const wait = pulls
        ? backOffMs(failures, LAST_PULL_PAUSE_MS)
        : Math.max(backOffMs(failures, LAST_PAUSE_MS), this.#parts.retries.spend());
      if (wish.deadline.remainingMs <= wait) throw fault;
      await pause(this.#clock, wait, this.#closing.signal);
      if (this.#closing.signal.aborted || wish.leave?.aborted === true) throw fault;
    }
  }

  /** Outside the queue, since a pull takes minutes and nothing of the engine that starts need. Null: the image is there. */
  async #provideImage(wish: Wish): Promise<SandboxFault | null> {
    const left = Promise.withResolvers<never>();
    const stopWaiting = this.#onGivenUp(wish, left.reject);
    try {
      await Promise.race([this.#parts.images.provide(wish.spec.image, wish.deadline), left.promise]);
      return null;
    } catch (error) {
      if (error instanceof SandboxFault) return error;
      throw error instanceof DeadlineExceeded ? new QueueRefusal('expired') : error;
    } finally {
      stopWaiting();
    }
  }

  /** One place in the queue and one try. A place whose deadline passed before its turn is given up unused. */
  async #attempt(wish: Wish, again: boolean): Promise<Sandbox | SandboxFault> {
    const left = new AbortController();
    const giveUp = (refusal: QueueRefusal): void => {
      left.abort(refusal);
    };
    const stopWaiting = this.#onGivenUp(wish, giveUp);
    try {
      return await this.#queue.run({ ...wish.place, again }, () => this.#start(wish), left.signal);
    } finally {
      stopWaiting();
    }
  }

  /** Tells once nobody waits any more: deadline passed, place left, queue closed. Returns what ends the telling. */
  #onGivenUp({ deadline, leave }: Wish, tell: (refusal: QueueRefusal) => void): () => void {
    const refuse = (reason: RefusalReason) => (): void => {
      tell(new QueueRefusal(reason));
    };
    const cancels = [
      this.#clock.alarm(deadline.remainingMs, refuse('expired')),
      onAbort(this.#closing.signal, refuse('closed')),
      ...(leave === undefined ? [] : [onAbort(leave, refuse('withdrawn'))]),
    ];
    return () => {
      for (const cancel of cancels) cancel();
    };
  }

  async #start({ spec, deadline, onStarted }: Wish): Promise<Sandbox | SandboxFault> {
    const { live, width, breaker, speed } = this.#parts;
    const full = this.#queue.saturated;
    const began = this.#clock.monotonic();
    const attempt = deadline.within('sandbox_start', spec.policy.times.sandbox_start);
    live.reserve();
    try {
      const sandbox = await this.#parts.engine.start(spec, attempt);
      live.settle(sandbox.handle);
      speed.started(this.#clock.monotonic() - began);
      width.succeeded(this.#clock.monotonic() - began, full);
      breaker.succeeded();
      onStarted?.(sandbox);
      return sandbox;
    } catch (error) {
      live.settle(null);
      return this.#judge(error, deadline.expired);
    }
  }

  /** What a failed start says about the engine. One that was cut short by its requester's deadline says nothing. */
  #judge(error: unknown, cutShort: boolean): SandboxFault {
    const { width, breaker } = this.#parts;
    const fault = asFault(error);
    if (fault === null || isTheTasks(fault) || cutShort) breaker.neutral();
    else {
      width.failed();
      breaker.failed();
    }
    if (fault === null) throw error;
    return fault;
  }

  #newId(): string {
    this.#lastId += 1;
    return String(this.#lastId);
  }
}

/** Calls `listener` once, now where the signal is aborted already. The returned function cancels. */
function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return () => {
    signal.removeEventListener('abort', listener);
  };
}

/** Null for what is a bug of ours. */
function asFault(error: unknown): SandboxFault | null {
  if (error instanceof SandboxFault) return error;
  if (error instanceof DeadlineExceeded)
    return new SandboxFault('start_timeout', error.message, { cause: error });
  return null;
}

export function isTheTasks(fault: SandboxFault): boolean {
  return fault.code === 'image_missing' || fault.code === 'image_broken';
}

function backOffMs(failures: number, lastMs: number): number {
  const ceiling = Math.min(FIRST_PAUSE_MS * 2 ** failures, lastMs);
  return ceiling * (0.5 + Math.random() / 2);
}
