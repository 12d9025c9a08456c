import { request } from 'node:http';
import { pause, type Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';

const WATCH_MS = 5_000;
const POLL_MS = 100;
/** A running proxy answers in a millisecond, on a host that is busy with starts in some hundred milliseconds. */
const ANSWER_MS = 5_000;
/** A proxy that runs and has not answered for this long is replaced. */
const REPLACED_MS = 10_000;

export interface HealthParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Any port that the proxy listens on; null: there is none yet. */
  readonly port: () => number | null;
  /** Called after each answer. */
  readonly answered: () => void;
  /** Kills a proxy that has been silent for this long; it is restarted. */
  readonly replace: (silentMs: number) => void;
}

/** Whether the proxy answers, and when it last did not. */
export class ProxyHealth {
  readonly #parts: HealthParts;
  readonly #checks = new SingleFlight<'check', boolean>();
  /** Health requests by their local port, until the proxy's log has them. */
  readonly #unlogged = new Map<number, () => void>();
  #up = false;
  /** When it last began to answer again, and when it last stopped, monotonic milliseconds. */
  #backAt = -Infinity;
  #downAt = -Infinity;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  get up(): boolean {
    return this.#up;
  }

  /** When the present or latest time without an answer began. */
  get downAt(): number {
    return this.#downAt;
  }

  noteDown(): void {
    if (this.#up) this.#downAt = this.#parts.clock.monotonic();
    this.#up = false;
  }

  downSince(monotonicMs: number): boolean {
    return !this.#up || this.#backAt >= monotonicMs;
  }

  /** To be called for each logged request. @returns whether it was a health request. */
  logged(port: number): boolean {
    const told = this.#unlogged.get(port);
    told?.();
    return this.#unlogged.delete(port);
  }

  /** Sends a health request and waits for its log line: all earlier lines came before it. @returns whether the proxy answered. */
  check(): Promise<boolean> {
    return this.#checks.run('check', async () => {
      const port = this.#parts.port();
      const there = port !== null && (await this.#ask(port));
      if (there) this.#noteUp();
      if (there) this.#parts.answered();
      else this.noteDown();
      return there;
    });
  }

  /** Waits until the proxy answers, at most `withinMs`. */
  async ready(withinMs: number): Promise<void> {
    const { clock } = this.#parts;
    const until = clock.monotonic() + withinMs;
    while (!this.up && clock.monotonic() < until && !(await this.check())) await pause(clock, POLL_MS);
  }

  /** Checks the proxy, and replaces it where it does not answer, until aborted. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, log, replace } = this.#parts;
    const ended = (): boolean => signal.aborted;
    let silentSince: number | null = null;
    while (!ended()) {
      const there = await this.check();
      if (there) silentSince = null;
      else silentSince ??= clock.monotonic();
      if (silentSince !== null && clock.monotonic() - silentSince > REPLACED_MS && !ended()) {
        log.warn({}, 'egress proxy does not answer, replacing it');
        replace(clock.monotonic() - silentSince);
        silentSince = null;
      }
      await pause(clock, there ? WATCH_MS : POLL_MS, signal);
    }
  }

  #noteUp(): void {
    if (this.#up) return;
    this.#up = true;
    this.#backAt = this.#parts.clock.monotonic();
  }

  /** A request for a name that no rule can allow: the proxy refuses and logs it without a connection to anywhere. */
  async #ask(port: number): Promise<boolean> {
    const logged = Promise.withResolvers<boolean>();
    const cancel = this.#parts.clock.alarm(ANSWER_MS, () => {
      logged.resolve(false);
    });
    let from: number | undefined;
    const answered = new Promise<boolean>((resolve) => {
      const path = 'http://faultline.invalid/';
      const asked = request({ host: '127.0.0.1', port, path, agent: false, timeout: ANSWER_MS });
      asked.once('socket', (socket) => {
        socket.once('connect', () => {
          from = socket.localPort;
          if (from !== undefined)
            this.#unlogged.set(from, () => {
              logged.resolve(true);
            });
        });
      });
      asked.once('response', (reply) => {
        reply.resume();
        resolve(reply.statusCode === 403);
      });
      asked.once('timeout', () => asked.destroy(new Error('no answer')));
      asked.once('error', () => {
        resolve(false);
      });
      asked.end();
    });
    try {
      return (await answered) && (await logged.promise);
    } finally {
      cancel();
      if (from !== undefined) this.#unlogged.delete(from);
    }
  }
}
