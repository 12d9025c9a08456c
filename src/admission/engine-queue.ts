import PQueue from 'p-queue';
import type { Clock } from '../kernel/clock.ts';
import type { Breaker } from './breaker.ts';
import type { ConcurrencyLimit } from './concurrency-limit.ts';
import { FairQueue, type Place, type PriorityClass } from './fair-queue.ts';
import type { LiveSandboxes } from './live-sandboxes.ts';
import type { QueueRefusal } from './queue-refusal.ts';

/** Concurrent removals after `close`. More do not shorten the stop (measured). */
const REMOVALS_AT_THE_END = 4;

export interface QueueParts {
  readonly clock: Clock;
  readonly concurrency: ConcurrencyLimit;
  readonly breaker: Breaker;
  readonly live: LiveSandboxes;
}

/**
 * All starts and removals go through this queue, so that one order and one concurrency limit hold for both. Work waits
 * in the fair queue and is given to p-queue when it begins (README, "The order and p-queue").
 */
export class EngineQueue {
  readonly #parts: QueueParts;
  readonly #waiting: FairQueue;
  readonly #running: PQueue;
  readonly #inFlight: Record<PriorityClass, number> = { claim: 0, refill: 0, removal: 0 };
  #closed = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#waiting = new FairQueue({
      isOpen: (priorityClass) => this.#isOpen(priorityClass),
      monotonic: () => parts.clock.monotonic(),
    });
    this.#running = new PQueue({ concurrency: parts.concurrency.limit });
    // p-queue's event for work that has ended, whether it succeeded or not.
    this.#running.on('next', () => {
      this.pump();
    });
  }

  /**
   * Runs `work` when its place is served, and returns its result.
   *
   * @param refusal Aborted with a `QueueRefusal` as reason. A place that still waits is removed and the returned promise
   * rejects with that reason; work that has begun goes on.
   */
  runQueued<T>(place: Place, work: () => Promise<T>, refusal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const abandonPlace = (): void => {
        this.#waiting.remove(place.id);
        reject(refusal?.reason as QueueRefusal);
      };
      const begin = (): void => {
        refusal?.removeEventListener('abort', abandonPlace);
        resolve(this.#running.add(() => this.#run(place.priorityClass, work)));
      };
      if (refusal?.aborted === true) {
        abandonPlace();
        return;
      }
      refusal?.addEventListener('abort', abandonPlace, { once: true });
      this.#waiting.add({ ...place, begin });
      this.pump();
    });
  }

  waiting(priorityClass: PriorityClass): number {
    return this.#waiting.waiting(priorityClass);
  }

  inFlight(priorityClass: PriorityClass): number {
    return this.#inFlight[priorityClass];
  }

  /** Whether as many starts and removals are in flight as the concurrency limit allows. */
  get saturated(): boolean {
    return this.#running.pending >= this.#parts.concurrency.limit;
  }

  /** How many places are served before this one; null where it does not wait. */
  position(id: string): number | null {
    return this.#waiting.position(id);
  }

  /** Begins as much waiting work as limit and gates allow. To be called when either may allow more than before. */
  pump(): void {
    const { limit } = this.#parts.concurrency;
    this.#running.concurrency = this.#closed ? Math.max(limit, REMOVALS_AT_THE_END) : limit;
    while (this.#running.pending < this.#running.concurrency) {
      const place = this.#waiting.next();
      if (place === null) return;
      place.begin();
    }
  }

  /** From now on only removals begin, whatever the breaker's state. */
  close(): void {
    this.#closed = true;
    this.#parts.breaker.close();
    this.pump();
  }

  async #run<T>(priorityClass: PriorityClass, work: () => Promise<T>): Promise<T> {
    this.#inFlight[priorityClass] += 1;
    this.#parts.breaker.begin();
    try {
      return await work();
    } finally {
      this.#inFlight[priorityClass] -= 1;
      // Before p-queue counts this work as ended: a start that begins because this work has raised the limit runs
      // beside as many others as allowed, and `saturated` says so.
      this.pump();
    }
  }

  #isOpen(priorityClass: PriorityClass): boolean {
    if (this.#closed) return priorityClass === 'removal';
    if (!this.#parts.breaker.passable) return false;
    return priorityClass === 'removal' || !this.#parts.live.full;
  }
}
