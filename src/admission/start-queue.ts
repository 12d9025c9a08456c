import PQueue from 'p-queue';
import { pause, type Clock } from '../kernel/clock.ts';
import { DeadlineExceeded, type Deadline } from '../kernel/deadline.ts';
import { SandboxFault, type Sandbox, type SandboxEngine, type SandboxSpec } from '../sandbox/sandbox.ts';
import type { SandboxSupply } from './sandbox-supply.ts';

/** Back-off between tries of one start: doubles from the first to the last, with up to half of it random. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 5_000;

/**
 * Starts sandboxes first come first served, a few at a time: starts are bound by CPU, and more than two or three
 * per core in flight add latency and memory and no speed (measured; see this folder's README).
 */
export class StartQueue implements SandboxSupply {
  readonly #engine: SandboxEngine;
  readonly #clock: Clock;
  readonly #queue: PQueue;
  readonly #closing = new AbortController();

  constructor(options: { engine: SandboxEngine; clock: Clock; concurrency: number }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#queue = new PQueue({ concurrency: options.concurrency });
  }

  get load(): { waiting: number; starting: number } {
    return { waiting: this.#queue.size, starting: this.#queue.pending };
  }

  /** Sends everybody who waits away, as if their deadline had come. Starts in flight finish. */
  close(): void {
    this.#closing.abort();
  }

  async take(spec: SandboxSpec, deadline: Deadline, onFault: (fault: SandboxFault) => void): Promise<Sandbox> {
    for (let failures = 0; ; failures += 1) {
      const fault = await this.#attempt(spec, deadline);
      if (!(fault instanceof SandboxFault)) return fault;
      onFault(fault);
      const wait = backOffMs(failures);
      if (!isRetryable(fault) || deadline.remainingMs <= wait) throw fault;
      await pause(this.#clock, wait, this.#closing.signal);
      if (this.#closing.signal.aborted) throw fault;
    }
  }

  /** One place in the queue and one try. A place whose deadline passed before its turn is given up unused. */
  async #attempt(spec: SandboxSpec, deadline: Deadline): Promise<Sandbox | SandboxFault> {
    const leave = new AbortController();
    let begun = false;
    const start = this.#queue.add(
      async () => {
        begun = true;
        return await this.#start(spec, deadline);
      },
      { signal: leave.signal },
    );
    const giveUp = (): void => {
      if (!begun) leave.abort(new DeadlineExceeded('queue_wait', deadline.remainingMs));
    };
    const cancel = this.#clock.alarm(deadline.remainingMs, giveUp);
    this.#closing.signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await start;
    } finally {
      cancel();
      this.#closing.signal.removeEventListener('abort', giveUp);
    }
  }

  async #start(spec: SandboxSpec, deadline: Deadline): Promise<Sandbox | SandboxFault> {
    const attempt = deadline.within('sandbox_start', spec.policy.times.sandbox_start);
    try {
      return await this.#engine.start(spec, attempt);
    } catch (error) {
      if (error instanceof SandboxFault) return error;
      if (error instanceof DeadlineExceeded) return new SandboxFault('start_timeout', error.message, { cause: error });
      throw error;
    }
  }
}

function isRetryable(fault: SandboxFault): boolean {
  return fault.code !== 'image_missing' && fault.code !== 'image_broken';
}

function backOffMs(failures: number): number {
  const ceiling = Math.min(FIRST_PAUSE_MS * 2 ** failures, LAST_PAUSE_MS);
  return ceiling * (0.5 + Math.random() / 2);
}
