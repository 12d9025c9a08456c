import { Worker } from 'node:worker_threads';
import type { Clock } from '../kernel/clock.ts';
import { fitByBytes, type Fitted, type FitRequest } from './fit-bytes.ts';
import { headWithin, tailWithin } from '../outcome/text.ts';

export interface TokenBudgetOptions {
  readonly clock: Clock;
  /** How long an answer may wait for the tokenizer before it is cut by bytes instead. */
  readonly deadlineMs?: number;
  /** The thread's program; another one in tests. */
  readonly program?: URL;
}

/** Of a long text each end is looked at as far as this. A token of ordinary text is 3 to 5 bytes, seldom above 8. */
const END_BYTES_PER_TOKEN = 8;
/** Far above what counting takes, since on a busy host the thread's own start has taken 2 s. */
const DEADLINE_MS = 10_000;
/** Of the thread's heap. The tokenizer's tables are soon old; a young generation of the usual size held 20 MB of garbage. */
const YOUNG_MB = 4;
/** Unbuilt under Node's type stripping, built beside this file's own JavaScript. */
const PROGRAM = new URL(
  import.meta.url.endsWith('.ts') ? './token-worker.ts' : './token-worker.js',
  import.meta.url,
);

interface Waiting {
  readonly request: FitRequest;
  readonly settle: (fitted: Fitted) => void;
}

/**
 * Keeps answers inside a number of tokens (o200k), so that one command's output doesn't fill the model's context.
 *
 * Counting runs in one worker thread, started when it is first needed. One request is with the thread at a time,
 * the others wait here; whoever waits longer than the deadline leaves, and gets an answer cut by bytes, which is
 * shorter than it had to be but never too long. A thread that fails gives way to a new one with the next request.
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

  /** The text, or head and tail around `[12,340 bytes omitted]`; at most `budgetTokens` tokens. Never rejects. */
  async fitToBudget(text: string, budgetTokens: number): Promise<Fitted> {
    const totalBytes = Buffer.byteLength(text);
    if (totalBytes <= budgetTokens) return { text, omittedBytes: 0 };
    return this.#ask(toRequest(text.toWellFormed(), totalBytes, budgetTokens));
  }

  /** Ends the thread. Whoever still waits gets an answer cut by bytes. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const waiting of this.#waiting) waiting.settle(fitByBytes(waiting.request));
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
        waiting.settle(fitByBytes(request));
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
    if (current !== null) current.settle(fitted ?? fitByBytes(current.request));
    this.#next();
  }

  #start(): Worker {
    const worker = new Worker(this.#program, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    worker.on('message', (fitted: Fitted) => {
      this.#finish(fitted);
    });
    worker.on('error', () => undefined); // 'exit' follows and is what counts.
    worker.on('exit', () => {
      this.#worker = null;
      this.#finish(null);
    });
    worker.unref(); // Last, because a listener for messages holds the process again.
    return worker;
  }
}

function toRequest(text: string, totalBytes: number, budgetTokens: number): FitRequest {
  const endBytes = budgetTokens * END_BYTES_PER_TOKEN;
  if (totalBytes <= 2 * endBytes) return { head: text, tail: null, totalBytes, budgetTokens };
  return { head: headWithin(text, endBytes), tail: tailWithin(text, endBytes), totalBytes, budgetTokens };
}
