import type { Readable } from 'node:stream';
import { pause, type Clock } from '../../kernel/clock.ts';
import { LABELS } from './container-spec.ts';
import type { DockerConnection } from './docker-connection.ts';

const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 2_000;
const LONGEST_LINE = 1 << 20;

/** What the engine said that happened to one container. */
export interface ContainerEvent {
  readonly action: string;
  /** Of a `kill`: the number of the signal, as the engine writes it. */
  readonly signal: string | null;
}

/** How many containers are remembered after something was said of them; the oldest are forgotten first. */
const REMEMBERED = 10_000;

/**
 * Listens to the engine's events about this controller's containers. The engine itself keeps the last 256 events
 * of all containers only, so asking it afterwards is not enough under load.
 *
 * An end of the stream means that the daemon went away: noted as a disturbance, and subscribed again from the
 * last event seen.
 */
export class EventWatch implements Disposable {
  readonly #connection: DockerConnection;
  readonly #clock: Clock;
  readonly #controllerId: string;
  readonly #stopped = new AbortController();
  readonly #events = new Map<string, ContainerEvent[]>();
  #stream: Readable | null = null;
  #lastSeen: string | null = null;

  constructor(connection: DockerConnection, clock: Clock, controllerId: string) {
    this.#connection = connection;
    this.#clock = clock;
    this.#controllerId = controllerId;
    void this.#listen();
  }

  of(container: string): readonly ContainerEvent[] {
    return this.#events.get(container) ?? [];
  }

  forget(container: string): void {
    this.#events.delete(container);
  }

  #ended(): boolean {
    return this.#stopped.signal.aborted;
  }

  async #listen(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#ended()) {
      try {
        const stream = await this.#subscribe();
        pauseMs = FIRST_PAUSE_MS;
        for await (const line of lines(stream)) this.#take(line);
      } catch {
        // The engine is away; how often is of no interest, only that it is.
      }
      if (this.#ended()) return;
      this.#connection.noteDisturbance();
      await pause(this.#clock, pauseMs, this.#stopped.signal);
      pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
    }
  }

  async #subscribe(): Promise<Readable> {
    const filters = {
      type: ['container'],
      label: [`${LABELS.controller}=${this.#controllerId}`],
      event: ['kill', 'die', 'oom', 'start'],
    };
    const since = this.#lastSeen === null ? {} : { since: this.#lastSeen };
    const abortSignal = this.#stopped.signal;
    const stream = await this.#connection.events({ filters, ...since, abortSignal });
    this.#stream = stream;
    if (abortSignal.aborted) stream.destroy();
    return stream;
  }

  #take(line: string): void {
    const event = parseEvent(line);
    if (event === null) return;
    this.#lastSeen = event.time;
    const known = this.#events.get(event.container) ?? [];
    // `kill` may be said without end; what matters is the first of each.
    if (!known.some(({ action, signal }) => action === event.action && signal === event.signal))
      known.push(event);
    this.#events.set(event.container, known);
    const oldest = this.#events.keys().next();
    if (this.#events.size > REMEMBERED && oldest.done !== true) this.#events.delete(oldest.value);
  }

  [Symbol.dispose](): void {
    this.#stopped.abort();
    this.#stream?.destroy();
  }
}

/** One line of the event stream, or null for what is none. */
export function parseEvent(line: string): (ContainerEvent & { container: string; time: string }) | null {
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
  const time = String((raw.timeNano ?? 0) / 1e9);
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
