import PQueue from 'p-queue';
import { pause, type Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import { SandboxFault, type SandboxEngine, type SandboxHandle } from '../sandbox/sandbox.ts';

const REMOVALS_AT_ONCE = 4;
const REMOVAL_MS = 30_000;
const TRIES = 5;
const PAUSE_MS = 1_000;

/** Removes sandboxes off everybody's path. What can't be removed after a few tries is counted and left to the sweep at the next start. */
export class RemovalQueue {
  readonly #engine: SandboxEngine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #queue = new PQueue({ concurrency: REMOVALS_AT_ONCE });
  #abandoned = 0;

  constructor(options: { engine: SandboxEngine; clock: Clock; log: Log }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  get load(): { waiting: number; abandoned: number } {
    return { waiting: this.#queue.size + this.#queue.pending, abandoned: this.#abandoned };
  }

  /** Resolves once the sandbox is gone or given up. Never rejects: nobody waits for a removal. */
  add(handle: SandboxHandle): Promise<void> {
    return this.#queue.add(() => this.#remove(handle));
  }

  /** Resolves when everything asked for so far has been removed or given up. */
  idle(): Promise<void> {
    return this.#queue.onIdle();
  }

  async #remove(handle: SandboxHandle): Promise<void> {
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const fault = await this.#attempt(handle);
      if (fault === null) return;
      this.#log.warn({ sandbox: handle.id, attempt, error: fault.message }, 'sandbox not removed');
      await pause(this.#clock, PAUSE_MS * attempt);
    }
    this.#abandoned += 1;
    this.#log.error({ sandbox: handle.id, tries: TRIES }, 'sandbox left behind');
  }

  async #attempt(handle: SandboxHandle): Promise<Error | null> {
    try {
      await this.#engine.remove(handle, Deadline.after(this.#clock, 'engine_request', REMOVAL_MS));
      return null;
    } catch (error) {
      if (error instanceof SandboxFault || error instanceof DeadlineExceeded) return error;
      throw error;
    }
  }
}
