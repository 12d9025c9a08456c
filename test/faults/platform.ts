import { setTimeout as sleep } from 'node:timers/promises';
import { TOKEN } from '../docker/support/server.ts';
import type { Controller } from './controller.ts';

/** As the platform does: a 5xx is repeated at most three times, then the rollout is given up. */
const REPEATS = 3;
const LONGEST_PAUSE_MS = 5_000;
/** Nobody answers: the network's fault, which costs no repeat. */
const NOBODY_PAUSE_MS = 200;

export interface Answer {
  readonly status: number;
  /** Null with anything but a tool's answer. */
  readonly output: string | null;
  /** The body as it came, for comparison. */
  readonly body: string;
  /** It is a stored answer, or that of a request which was under way. */
  readonly fromJournal: boolean;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** The fine-tuning platform: calls tools, and repeats what it may repeat. */
export class Platform {
  readonly #controller: Controller;
  /** Connections that `vanish` destroys. */
  #present = new AbortController();

  constructor(controller: Controller) {
    this.#controller = controller;
  }

  /** Every request under way loses its connection; each is sent again. */
  vanish(): void {
    this.#present.abort();
    this.#present = new AbortController();
  }

  /** The answer that the platform ends with. @throws Error where there is none within the time. */
  async ask(request: Request, withinMs: number): Promise<Answer> {
    const deadline = performance.now() + withinMs;
    for (let repeats = 0; ;) {
      const answer = await this.#try(request, deadline);
      if (answer !== null && (answer.status < 500 || repeats === REPEATS)) return answer;
      if (performance.now() > deadline)
        throw new Error(
          `no answer within ${String(withinMs)} ms: ${request.path} ${JSON.stringify(request.body)}`,
        );
      if (answer === null) await sleep(NOBODY_PAUSE_MS);
      else {
        repeats += 1;
        await sleep(answer.retryAfterMs);
      }
    }
  }

  /** Null where nobody answers, or the connection breaks. */
  async #try(request: Request, deadline: number): Promise<(Answer & { retryAfterMs: number }) | null> {
    const { server } = this.#controller;
    if (server === null) return null;
    const late = AbortSignal.timeout(Math.max(1, Math.ceil(deadline - performance.now())));
    try {
      const response = await fetch(server.url + request.path, {
        method: request.method,
        headers: {
          authorization: `Bearer ${TOKEN}`,
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal: AbortSignal.any([this.#present.signal, late]),
      });
      const body = await response.text();
      const retryAfterMs = 1000 * Number(response.headers.get('retry-after') ?? 0);
      return {
        status: response.status,
        output: outputOf(body),
        body,
        fromJournal: response.headers.get('idempotent-replayed') === 'true',
        retryAfterMs: Math.min(retryAfterMs, LONGEST_PAUSE_MS),
      };
    } catch (error) {
      if (error instanceof TypeError || (error instanceof DOMException && /Abort|Timeout/.test(error.name)))
        return null;
      throw error;
    }
  }
}

function outputOf(body: string): string | null {
  if (!body.startsWith('{')) return null;
  const { output } = JSON.parse(body) as { output?: string };
  return output ?? null;
}
