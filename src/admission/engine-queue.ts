import PQueue from 'p-queue';
import type { Clock } from '../kernel/clock.ts';
import type { Breaker } from './breaker.ts';
import { FairQueue, type Lane, type PlaceOptions } from './fair-queue.ts';
import type { LiveSandboxes } from './live-sandboxes.ts';
import type { ConcurrencyLimit } from './concurrency-limit.ts';

/** Removals at once after `close`: more gain nothing (measured; README). */
const REMOVALS_AT_THE_END = 4;

export interface QueueParts {
  readonly clock: Clock;
  readonly width: ConcurrencyLimit;
  readonly breaker: Breaker;
  readonly live: LiveSandboxes;
}

export interface Place {
  readonly id: string;
  readonly lane: Lane;
  readonly job: string;
  readonly again: boolean;
}

/** Everything that makes the engine work hard goes through here, so that one order and one width hold for all of it. */
export class EngineQueue {
  readonly #parts: QueueParts;
  readonly #fair: FairQueue;
  readonly #queue: PQueue<FairQueue, PlaceOptions>;
  readonly #inFlight: Record<Lane, number> = { claim: 0, refill: 0, removal: 0 };
  #closed = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    const fair = new FairQueue({
      isOpen: (lane) => this.#isOpen(lane),
      monotonic: () => parts.clock.monotonic(),
    });
    this.#fair = fair;
    // p-queue makes its queue itself, without arguments; ours must know the gate.
    const queueClass = function () {
      return fair;
    } as unknown as new () => FairQueue;
    this.#queue = new PQueue({ queueClass, concurrency: parts.width.width });
  }

  /**
   * The work's result, once its turn has come. Aborting takes back a place that has not been served, and rejects
   * with the signal's reason; work that has begun is not disturbed.
   */
  run<T>(place: Place, work: () => Promise<T>, leave?: AbortSignal): Promise<T> {
    const waiting = new AbortController();
    const giveUp = (): void => {
      waiting.abort(leave?.reason);
    };
    const begin = async (): Promise<T> => {
      leave?.removeEventListener('abort', giveUp);
      this.#inFlight[place.lane] += 1;
      this.#parts.breaker.begin();
      try {
        return await work();
      } finally {
        this.#inFlight[place.lane] -= 1;
        this.kick();
      }
    };
    if (leave?.aborted === true) giveUp();
    leave?.addEventListener('abort', giveUp, { once: true });
    return this.#queue.add(begin, { ...place, signal: waiting.signal });
  }

  waiting(lane: Lane): number {
    return this.#fair.waiting(lane);
  }

  inFlight(lane: Lane): number {
    return this.#inFlight[lane];
  }

  /** Whether as many starts and removals are under way as allowed. */
  get saturated(): boolean {
    return this.#queue.pending >= this.#parts.width.width;
  }

  /** Where a place stands, or null where it is not waiting. */
  position(id: string): number | null {
    return this.#fair.position(id);
  }

  /** Looks again who may go: a gate opened, or the width changed. */
  kick(): void {
    const { width } = this.#parts.width;
    this.#queue.concurrency = this.#closed ? Math.max(width, REMOVALS_AT_THE_END) : width;
  }

  /** From now on only removals begin, whatever is known of the engine. */
  close(): void {
    this.#closed = true;
    this.#parts.breaker.close();
    this.kick();
  }

  #isOpen(lane: Lane): boolean {
    if (this.#closed) return lane === 'removal';
    if (!this.#parts.breaker.passable) return false;
    return lane === 'removal' || !this.#parts.live.full;
  }
}
