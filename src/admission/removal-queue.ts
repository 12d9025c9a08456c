import { pause } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import { SandboxFault, type SandboxHandle } from '../sandbox/sandbox.ts';
import type { EngineStartParts } from './engine-start.ts';

const REMOVAL_MS = 30_000;
const ATTEMPTS = 5;
/** Pause after the first attempt; it grows by this much with each further one. */
const PAUSE_MS = 1_000;

export interface RemovalParts extends EngineStartParts {
  readonly log: Log;
}

/**
 * Removes sandboxes in the background, after all waiting starts. A sandbox that cannot be removed in five attempts is
 * counted and logged; the engine's own sweeper removes it, at the latest the sweep at the next start of the server.
 */
export class RemovalQueue {
  readonly #parts: RemovalParts;
  readonly #removals = new Map<string, Promise<void>>();
  #abandoned = 0;
  #removed = 0;

  constructor(parts: RemovalParts) {
    this.#parts = parts;
  }

  get load(): { waiting: number; removed: number; abandoned: number } {
    return { waiting: this.#removals.size, removed: this.#removed, abandoned: this.#abandoned };
  }

  /** Resolves when the sandbox has been removed or left to the sweeper. Rejects only for a bug of ours. */
  add(handle: SandboxHandle): Promise<void> {
    const running = this.#removals.get(handle.id);
    if (running !== undefined) return running;
    const removal = this.#removeWithRetry(handle).finally(() => {
      this.#removals.delete(handle.id);
      this.#release(handle);
    });
    this.#removals.set(handle.id, removal);
    return removal;
  }

  /** Resolves when no removal is waiting or in flight. */
  async idle(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals.values());
  }

  #release(handle: SandboxHandle): void {
    const { live, speed, clock, queue } = this.#parts;
    if (live.gone(handle)) speed.gone(clock.monotonic());
    queue.pump();
  }

  async #removeWithRetry(handle: SandboxHandle): Promise<void> {
    const { queue, log, clock } = this.#parts;
    const place = { id: `removal-${handle.id}`, priorityClass: 'removal', job: 'removals' } as const;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const fault = await queue.runQueued({ ...place, retry: attempt > 1 }, () => this.#attempt(handle));
      if (fault === null) {
        this.#removed += 1;
        return;
      }
      log.warn({ sandbox: handle.id, attempt, error: fault.message }, 'sandbox not removed');
      await pause(clock, PAUSE_MS * attempt);
    }
    this.#abandoned += 1;
    log.error(
      { sandbox: handle.id, attempts: ATTEMPTS },
      'sandbox could not be removed, left to the sweeper',
    );
  }

  async #attempt(handle: SandboxHandle): Promise<Error | null> {
    const { engine, clock, breaker } = this.#parts;
    try {
      await engine.remove(handle, Deadline.after(clock, 'engine_request', REMOVAL_MS));
      // While the breaker is closed, a removal says nothing about starts: it must not reset their fault count.
      if (breaker.state === 'half_open') breaker.succeeded();
      return null;
    } catch (error) {
      if (breaker.state === 'half_open') breaker.failed();
      if (error instanceof SandboxFault || error instanceof DeadlineExceeded) return error;
      throw error;
    }
  }
}
