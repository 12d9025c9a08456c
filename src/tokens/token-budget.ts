import { Worker } from 'node:worker_threads';
import type { Clock } from '../kernel/clock.ts';
import { headWithin, tailWithin } from '../outcome/text.ts';
import {
  compose,
  omittedBytes,
  plainTranscript,
  shortenedAll,
  textOf,
  type Ends,
  type StreamText,
  type Transcript,
} from '../outcome/transcript.ts';
import { fitByBytes, headByBytes } from './fit-bytes.ts';
import type { Fitted } from './fit.ts';

export interface FitRequest {
  readonly transcript: Transcript;
  readonly budgetTokens: number;
  /** Only the beginning, without a marker. */
  readonly headOnly: boolean;
}

export interface TokenBudgetOptions {
  readonly clock: Clock;
  /** How long an answer may wait for the tokenizer. After that it is cut by bytes. */
  readonly deadlineMs?: number;
  /** The worker's program; tests use another one. */
  readonly program?: URL;
}

/** Bytes per token that are sent from each end of a long text. A token of ordinary text has 3 to 5 bytes, rarely more than 8. */
const END_BYTES_PER_TOKEN = 8;
/** Far above the time for counting, because starting the thread took 2 s on a busy host. */
const DEADLINE_MS = 10_000;
/** Young generation of the thread's heap. At the default size it held 20 MB of garbage; the tokenizer's tables leave it soon. */
const YOUNG_MB = 4;
/** The TypeScript file under Node's type stripping, else the built file beside this one. */
const PROGRAM = new URL(
  import.meta.url.endsWith('.ts') ? './token-worker.ts' : './token-worker.js',
  import.meta.url,
);

interface Waiting {
  readonly request: FitRequest;
  readonly settle: (fitted: Fitted) => void;
}

/**
 * Limits answers to a number of tokens (o200k), so that the output of one command does not fill the model's context.
 *
 * Counting runs in one worker thread, which is started when it is first needed. The thread has one request at a time; the
 * others wait here. A request that waits longer than the deadline is cut by bytes instead: that answer is shorter than
 * necessary, but never too long. If the thread fails, the next request starts a new one.
 */
export class TokenBudget implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #program: URL;
  readonly #waiting = new Set<Waiting>();
  #current: Waiting | null = null;
  #worker: Worker | null = null;

  constructor({ clock, deadlineMs = DEADLINE_MS, program = PROGRAM }: TokenBudgetOptions) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#program = program;
  }

  /**
   * The text for the model, of at most `budgetTokens` tokens: whole, or beginning and end of each stream around
   * `[12,340 bytes omitted]`. Never rejects.
   */
  async fitToBudget(transcript: Transcript, budgetTokens: number): Promise<Fitted> {
    const text = compose(transcript);
    if (Buffer.byteLength(text) <= budgetTokens) return { text, omittedBytes: omittedBytes(transcript) };
    return this.#ask({ transcript: endsOnly(transcript, budgetTokens), budgetTokens, headOnly: false });
  }

  /** The longest beginning of the text of about `budgetTokens` tokens. It ends between characters. Never rejects. */
  async headToBudget(text: string, budgetTokens: number): Promise<string> {
    if (Buffer.byteLength(text) <= budgetTokens) return text;
    const head = headWithin(text.toWellFormed(), budgetTokens * END_BYTES_PER_TOKEN);
    return (await this.#ask({ transcript: plainTranscript([head]), budgetTokens, headOnly: true })).text;
  }

  /** Ends the thread. Requests that still wait are cut by bytes. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const waiting of this.#waiting) waiting.settle(byBytes(waiting.request));
    await this.#worker?.terminate();
  }

  #ask(request: FitRequest): Promise<Fitted> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        request,
        settle: (fitted) => {
          cancel();
          this.#waiting.delete(waiting);
          resolve(fitted);
        },
      };
      const cancel = this.#clock.alarm(this.#deadlineMs, () => {
        waiting.settle(byBytes(request));
      });
      this.#waiting.add(waiting);
      this.#next();
    });
  }

  #next(): void {
    if (this.#current !== null) return;
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#current = first;
    this.#waiting.delete(first);
    this.#worker ??= this.#start();
    this.#worker.postMessage(first.request);
  }

  #finish(fitted: Fitted | null): void {
    const current = this.#current;
    this.#current = null;
    if (current !== null) current.settle(fitted ?? byBytes(current.request));
    this.#next();
  }

  #start(): Worker {
    const worker = new Worker(this.#program, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    worker.on('message', (fitted: Fitted) => {
      this.#finish(fitted);
    });
    worker.on('error', () => undefined); // 'exit' follows and is handled.
    worker.on('exit', () => {
      this.#worker = null;
      this.#finish(null);
    });
    worker.unref(); // Last, because adding a message listener refs the worker again.
    return worker;
  }
}

const byBytes = ({ transcript, budgetTokens, headOnly }: FitRequest): Fitted =>
  headOnly ? headByBytes(transcript, budgetTokens) : fitByBytes(transcript, budgetTokens);

/** Long streams without what no budget has room for, so that it is neither sent nor counted. */
function endsOnly(transcript: Transcript, budgetTokens: number): Transcript {
  const most = budgetTokens * END_BYTES_PER_TOKEN;
  return shortenedAll(
    transcript,
    transcript.streams.map((stream) => longEnds(stream, most)),
  );
}

function longEnds(stream: StreamText, most: number): Ends | null {
  const { head, tail } = stream;
  const text = textOf(stream);
  if (tail === null && text.length <= 2 * most) return null;
  const last = tailWithin(tail?.text ?? head.text, most);
  return { headLength: headWithin(head.text, most).length, tailStart: text.length - last.length };
}
