import type { Clock } from '../kernel/clock.ts';
import { pause } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { errorMessage } from '../kernel/errors.ts';
import { graderEndings, type GraderEnding, type GraderEndingCode } from './grader-ending.ts';
import { postToGrader } from './grader-request.ts';

export interface GraderClientOptions {
  readonly url: string;
  /** Sent as a bearer token; null for none. */
  readonly token: string | null;
  /** Time-out of one request to the grader, including the answer's body. */
  readonly requestMs: number;
  readonly clock: Clock;
}

const TRIES = 3;
const FIRST_PAUSE_MS = 500;
/** Largest answer that the platform accepts. */
const ANSWER_BYTES = 2 ** 20;

/** Requests a score from the customer's grader and retries where that may help. Never throws: every result is an ending. */
export class GraderClient {
  readonly #options: GraderClientOptions;

  constructor(options: GraderClientOptions) {
    this.#options = options;
  }

  /** The ending of the last try and the number of tries. Ends by the deadline. */
  async ask(body: string, deadline: Deadline): Promise<{ ending: GraderEnding; tries: number }> {
    for (let tries = 1; ; tries += 1) {
      const ending = await this.#try(body, Math.min(this.#options.requestMs, deadline.remainingMs));
      const pauseMs = FIRST_PAUSE_MS * 2 ** (tries - 1);
      const again = graderEndings[ending.code].retry && tries < TRIES && pauseMs < deadline.remainingMs;
      if (!again) return { ending, tries };
      await pause(this.#options.clock, pauseMs);
    }
  }

  async #try(body: string, withinMs: number): Promise<GraderEnding> {
    const { clock, url, token } = this.#options;
    const abort = new AbortController();
    const cancel = clock.alarm(withinMs, () => abort.abort());
    try {
      const headers = {
        'content-type': 'application/json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
      };
      const sent = { headers, body, mostBytes: ANSWER_BYTES, signal: abort.signal };
      const { status, body: text } = await postToGrader(url, sent);
      if (status < 200 || status > 299) return without(statusCode(status), `status ${String(status)}`);
      return text === null ? without('no_score', 'the answer is larger than 1 MB') : scoreIn(text);
    } catch (error) {
      if (abort.signal.aborted)
        return without('timed_out', `no answer within ${String(Math.round(withinMs))} ms`);
      return without('unreachable', errorMessage(error));
    } finally {
      cancel();
    }
  }
}

type Failure = Exclude<GraderEndingCode, 'scored'>;
const without = (code: Failure, detail: string): GraderEnding => ({ code, detail });

/** 429 and 408 mean that the grader is busy: another request may succeed. */
function statusCode(status: number): Failure {
  if (status === 429 || status === 408) return 'failed';
  return status >= 400 && status < 500 ? 'refused' : 'failed';
}

function scoreIn(text: string): GraderEnding {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== 'object' || answer === null || !('score' in answer))
      return without('no_score', 'the answer has no field "score"');
    const { score } = answer;
    if (typeof score === 'number' && Number.isFinite(score)) return { code: 'scored', score, body: text };
    return without('no_score', `"score" is ${typeof score === 'number' ? 'not finite' : kindOf(score)}`);
  } catch {
    return without('no_score', 'the answer is not JSON');
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
