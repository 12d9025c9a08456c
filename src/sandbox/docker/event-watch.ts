import type { Readable } from 'node:stream';
import { pause, type Clock } from '../../kernel/clock.ts';
import { LABELS } from './container-spec.ts';
import type { DockerConnection } from './docker-connection.ts';

const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 2_000;
const LONGEST_LINE = 1 << 20;

/**
 * A subscription ends after this time and is renewed: an open stream without events can't be told from a broken
 * connection.
 */
const WINDOW_MS = 20_000;
/** How late the engine may end it. */
const GRACE_MS = 10_000;
/** An end this much before its time is orderly: the engine reports its clock in whole seconds. */
const EARLY_MS = 2_000;

/** One event of a container, as the engine reports it. */
export interface ContainerEvent {
  readonly action: string;
  /** Of a `kill` event: the signal, in the engine's notation. */
  readonly signal: string | null;
  /** Seconds since 1970 on the engine's clock. */
  readonly time: number;
}

/** Events are kept for at most this many containers; the oldest are dropped first. */
const REMEMBERED = 10_000;

/**
 * Subscribes to the engine's events of this controller's containers. The engine keeps only the last 256 events of all
 * containers, so a query afterwards misses some under load.
 *
 * A stream that ends early, or has not ended `GRACE_MS` after its time, means that the daemon or the connection to it
 * failed. That is noted as a disturbance, and the next subscription begins at the last event seen.
 */
export class EventWatch implements Disposable {
  readonly #connection: DockerConnection;
  readonly #clock: Clock;
  readonly #controllerId: string;
  readonly #stopped = new AbortController();
  readonly #events = new Map<string, ContainerEvent[]>();
  readonly #pauses = new Map<string, number>();
  /** Seconds on the engine's clock. All events up to then were received. Null before the first subscription. */
  #knownUntil: number | null = null;
  /** How far the engine's wall clock is ahead of ours. */
  #aheadMs = 0;

  constructor(connection: DockerConnection, clock: Clock, controllerId: string) {
    this.#connection = connection;
    this.#clock = clock;
    this.#controllerId = controllerId;
    void this.#listen();
  }

  of(container: string): readonly ContainerEvent[] {
    return this.#events.get(container) ?? [];
  }

  /** Number of `pause` events. Nothing inside the container can cause one, and this controller never does. */
  pauses(container: string): number {
    return this.#pauses.get(container) ?? 0;
  }

  /** A moment of this process's monotonic clock on the engine's wall clock, in seconds since 1970, to about a second. */
  engineTime(monotonicMs: number): number {
    const wallMs = this.#clock.now() - (this.#clock.monotonic() - monotonicMs);
    return (wallMs + this.#aheadMs) / 1000;
  }

  forget(container: string): void {
    this.#events.delete(container);
    this.#pauses.delete(container);
  }

  #ended(): boolean {
    return this.#stopped.signal.aborted;
  }

  async #listen(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#ended()) {
      // The error itself is not needed: the disturbance is noted below.
      const orderly = await this.#follow().catch(() => false);
      if (this.#ended()) return;
      if (orderly) pauseMs = FIRST_PAUSE_MS;
      else this.#connection.noteDisturbance();
      await pause(this.#clock, pauseMs, this.#stopped.signal);
      pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
    }
  }

  /** One subscription. @returns whether it ended at its time. */
  async #follow(): Promise<boolean> {
    const until = (this.#clock.now() + this.#aheadMs + WINDOW_MS) / 1000;
    const overdue = new AbortController();
    let cancel = this.#clock.alarm(GRACE_MS, () => {
      overdue.abort();
    });
    try {
      const stream = await this.#subscribe(until, AbortSignal.any([this.#stopped.signal, overdue.signal]));
      cancel();
      const began = this.#clock.monotonic();
      const lengthMs = Math.max(0, until * 1000 - (this.#clock.now() + this.#aheadMs));
      cancel = this.#clock.alarm(lengthMs + GRACE_MS, () => stream.destroy());
      for await (const line of lines(stream)) this.#take(line);
      if (this.#clock.monotonic() - began < lengthMs - EARLY_MS) return false;
      this.#knownUntil = Math.max(this.#knownUntil ?? 0, until);
      return true;
    } finally {
      cancel();
    }
  }

  async #subscribe(until: number, abortSignal: AbortSignal): Promise<Readable> {
    const filters = {
      type: ['container'],
      label: [`${LABELS.controller}=${this.#controllerId}`],
      event: ['kill', 'die', 'oom', 'start', 'pause'],
    };
    const since = this.#knownUntil === null ? {} : { since: String(this.#knownUntil) };
    const query = { filters, ...since, until: String(until), abortSignal };
    const { lines: stream, engineMs } = await this.#connection.events(query);
    if (!Number.isNaN(engineMs)) this.#aheadMs = engineMs - this.#clock.now();
    this.#knownUntil ??= (this.#clock.now() + this.#aheadMs) / 1000;
    if (abortSignal.aborted) stream.destroy();
    else abortSignal.addEventListener('abort', () => stream.destroy(), { once: true });
    return stream;
  }

  #take(line: string): void {
    const event = parseEvent(line);
    if (event === null) return;
    this.#knownUntil = Math.max(this.#knownUntil ?? 0, event.time);
    if (event.action === 'pause') this.#pauses.set(event.container, this.pauses(event.container) + 1);
    const known = this.#events.get(event.container) ?? [];
    // `kill` events may repeat without limit; the last of each signal is enough.
    const others = known.filter(({ action, signal }) => action !== event.action || signal !== event.signal);
    this.#events.set(event.container, [...others, event]);
    const oldest = this.#events.keys().next();
    if (this.#events.size > REMEMBERED && oldest.done !== true) this.#events.delete(oldest.value);
  }

  [Symbol.dispose](): void {
    this.#stopped.abort();
  }
}

/** Parses one line of the event stream; null where it is no event. */
export function parseEvent(line: string): (ContainerEvent & { container: string }) | null {
  interface Raw {
    Action?: string;
    timeNano?: number;
    Actor?: { ID?: string; Attributes?: Record<string, string> };
  }
  let raw: Raw;
  try {
    raw = JSON.parse(line) as Raw;
  } catch {
    return null;
  }
  if (raw.Action === undefined || raw.Actor?.ID === undefined) return null;
  const time = (raw.timeNano ?? 0) / 1e9;
  return {
    container: raw.Actor.ID,
    action: raw.Action,
    signal: raw.Actor.Attributes?.['signal'] ?? null,
    time,
  };
}

export async function* lines(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    rest += String(chunk);
    const whole = rest.split('\n');
    rest = whole.pop() ?? '';
    if (rest.length > LONGEST_LINE) rest = '';
    yield* whole.filter((line) => line.trim() !== '');
  }
  if (rest.trim() !== '') yield rest;
}
