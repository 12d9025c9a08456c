import { pause } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import { SandboxFault, type SandboxHandle } from '../sandbox/sandbox.ts';
import type { StartParts } from './start-queue.ts';

const REMOVAL_MS = 30_000;
const TRIES = 5;
const PAUSE_MS = 1_000;

export interface RemovalParts extends StartParts {
  readonly log: Log;
}

/**
 * Removes sandboxes off everybody's path, behind every start that waits. What can't be removed after a few tries is
 * counted, told to the log and left to the engine's own sweeper, and at the latest to the sweep of the next start.
 */
export class RemovalQueue {
  readonly #parts: RemovalParts;
  readonly #under = new Map<string, Promise<void>>();
  #abandoned = 0;
  #removed = 0;

  constructor(parts: RemovalParts) {
    this.#parts = parts;
  }

  get load(): { waiting: number; removed: number; abandoned: number } {
    return { waiting: this.#under.size, removed: this.#removed, abandoned: this.#abandoned };
  }

  /** Resolves once the sandbox is gone or given up. Never rejects: nobody waits for a removal. */
  add(handle: SandboxHandle): Promise<void> {
    const under = this.#under.get(handle.id);
    if (under !== undefined) return under;
    const removal = this.#remove(handle).finally(() => {
      this.#under.delete(handle.id);
      this.#release(handle);
    });
    this.#under.set(handle.id, removal);
    return removal;
  }

  /** Resolves when everything asked for so far has been removed or given up. */
  async idle(): Promise<void> {
    while (this.#under.size > 0) await Promise.all(this.#under.values());
  }

  #release(handle: SandboxHandle): void {
    const { live, speed, clock, queue } = this.#parts;
    if (live.gone(handle)) speed.gone(clock.monotonic());
    queue.kick();
  }

  async #remove(handle: SandboxHandle): Promise<void> {
    const { queue, log, clock } = this.#parts;
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const place = {
        id: `removal-${handle.id}`,
        lane: 'removal',
        job: 'removals',
        again: attempt > 1,
      } as const;
      const fault = await queue.run(place, () => this.#attempt(handle));
      if (fault === null) {
        this.#removed += 1;
        return;
      }
      log.warn({ sandbox: handle.id, attempt, error: fault.message }, 'sandbox not removed');
      await pause(clock, PAUSE_MS * attempt);
    }
    this.#abandoned += 1;
    log.error({ sandbox: handle.id, tries: TRIES }, 'sandbox left behind');
  }

  async #attempt(handle: SandboxHandle): Promise<Error | null> {
    const { engine, clock, breaker } = this.#parts;
    try {
      await engine.remove(handle, Deadline.after(clock, 'engine_request', REMOVAL_MS));
      // A removal proves that the engine answers again, not that it can start anything.
      if (breaker.state === 'half_open') breaker.succeeded();
      return null;
    } catch (error) {
      if (breaker.state === 'half_open') breaker.failed();
      if (error instanceof SandboxFault || error instanceof DeadlineExceeded) return error;
      throw error;
    }
  }
}
