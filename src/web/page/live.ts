import type { z } from 'zod';
import type { liveHistorySchema, liveNewsSchema } from '../../http/page-schemas.ts';
import { request } from './api.ts';

type LiveHistory = z.output<typeof liveHistorySchema>;
type News = z.output<typeof liveNewsSchema>;
export type Sample = News['sample'];
export type LiveCall = News['calls'][number];
export type Status = News['status'];
export type Alarm = News['alarms'][number];

const SAMPLES_KEPT = 1_800;
const CALLS_KEPT = 100;
const AGAIN_AFTER_MS = 2_000;
/** An event comes every second. A connection that is silent for this long counts as dead. */
const SILENCE_MS = 10_000;

/** Reads the live view. Connects again after an outage; the server then sends the last half hour again. */
export class Live {
  samples: Sample[] = [];
  calls: LiveCall[] = [];
  status: Status | null = null;
  alarms: readonly Alarm[] = [];
  connected = false;
  readonly #listeners = new Set<() => void>();

  follow(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Never returns. */
  async run(): Promise<never> {
    for (;;) {
      try {
        await this.#listen();
      } catch (error) {
        console.info('live view interrupted', error);
      }
      this.connected = false;
      this.#tell();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
    }
  }

  async #listen(): Promise<void> {
    const silence = new AbortController();
    const response = await request('/v1/live', silence.signal);
    if (response.body === null) return;
    let timer = 0;
    try {
      for await (const { event, data } of events(response.body)) {
        clearTimeout(timer);
        timer = window.setTimeout(() => {
          silence.abort();
        }, SILENCE_MS);
        if (event === 'history') this.#start(JSON.parse(data) as LiveHistory);
        if (event === 'news') this.#add(JSON.parse(data) as News);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #start({ samples, calls }: LiveHistory): void {
    this.samples = samples;
    this.calls = calls;
  }

  #add({ sample, calls, status, alarms }: News): void {
    this.samples = [...this.samples, sample].slice(-SAMPLES_KEPT);
    this.calls = [...this.calls, ...calls].slice(-CALLS_KEPT);
    this.status = status;
    this.alarms = alarms;
    this.connected = true;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Parses server-sent events from a body. `EventSource` can't be used, because it sends no Authorization header. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; data: string }> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let rest = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (rest + part.value).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const [first = '', second = ''] = block.split('\n');
      yield { event: first.slice('event: '.length), data: second.slice('data: '.length) };
    }
  }
}
