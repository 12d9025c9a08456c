import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { errorSchema, nativeAnswerSchema } from '../http/schemas.ts';
import { ClientError, InfraError, TaskError, type FaultlineError } from './errors.ts';

export interface TransportOptions {
  /** Where the server is reached, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  /** Sent as `X-Job-Id`: whose share of the start queue these rollouts take. */
  readonly job?: string | undefined;
  /** How long a request is repeated while the server can't be reached or asks to come again; milliseconds. */
  readonly patienceMs?: number | undefined;
  /** Ends every request and every wait. */
  readonly signal?: AbortSignal | undefined;
}

export interface Asked {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
}

const PATIENCE_MS = 600_000;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/** Characters of an answer that nobody knows, such as a proxy's page. */
const QUOTED = 500;

type NativeAnswer = z.output<typeof nativeAnswerSchema>;
type ErrorReply = z.output<typeof errorSchema>;

/**
 * Sends requests, and repeats those that may succeed later. Whoever calls must make the request safe to repeat: by a
 * call id for what runs something, and by ids of its own for what opens something. Every request of this client is.
 *
 * Repeated: no connection, a connection that broke, and a 503 that isn't the rollout's end. Everything else is told
 * at once. Node's `fetch` gives up after 5 minutes without an answer, less than the server may hold a call: the
 * repetition joins the call where it is.
 */
export class Transport {
  readonly #options: TransportOptions;
  readonly #patienceMs: number;

  constructor(options: TransportOptions) {
    this.#options = { ...options, url: options.url.replace(/\/+$/, '') };
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /** A JSON answer. @throws InfraError, TaskError, ClientError */
  async json<Answer>(asked: Asked): Promise<Answer> {
    return JSON.parse(new TextDecoder().decode(await this.bytes(asked))) as Answer;
  }

  /** The answer's bytes. @throws InfraError, TaskError, ClientError */
  async bytes(asked: Asked): Promise<Uint8Array> {
    const endsAt = performance.now() + this.#patienceMs;
    for (let attempt = 0; ; attempt += 1) {
      const found = await this.#once(asked);
      if (found instanceof Uint8Array) return found;
      const waitMs = found.retryAfterMs ?? backoff(attempt);
      if (!found.again || performance.now() + waitMs > endsAt) throw found.error;
      await sleep(waitMs, undefined, this.#signal);
    }
  }

  async #once(asked: Asked): Promise<Uint8Array | Failure> {
    try {
      const response = await this.#send(asked);
      const body = new Uint8Array(await response.arrayBuffer());
      return response.ok ? body : failureOf(response, new TextDecoder().decode(body));
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      // `fetch` throws a TypeError where no whole answer came; anything else is a bug and shows as one.
      if (!(error instanceof TypeError)) throw error;
      const facts = { status: null, code: 'unreachable', cause: error };
      const message = `${this.#options.url} gave no answer: ${reason(error)}`;
      return { error: new InfraError(message, facts), again: true, retryAfterMs: null };
    }
  }

  #send({ method, path, json, bytes }: Asked): Promise<Response> {
    const { url, token, job } = this.#options;
    const type = bytes === undefined ? 'application/json' : 'application/octet-stream';
    const body = bytes ?? (json === undefined ? undefined : JSON.stringify(json));
    return fetch(`${url}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': type }),
        ...(job !== undefined && { 'x-job-id': job }),
      },
      ...(body !== undefined && { body }),
      ...this.#signal,
    });
  }

  get #signal(): { signal?: AbortSignal } {
    return this.#options.signal === undefined ? {} : { signal: this.#options.signal };
  }
}

interface Failure {
  readonly error: FaultlineError;
  readonly again: boolean;
  readonly retryAfterMs: number | null;
}

/** An answer that isn't 2xx: of a call, with its outcome; else an error reply; else something between us and the server. */
function failureOf({ status, headers }: Response, text: string): Failure {
  const { outcome, output, error, message } = told(text);
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(retryAfter) ? retryAfter * 1000 : null;
  if (outcome !== undefined) {
    const code = outcome.cause;
    const kind = status < 500 ? ClientError : outcome.attribution === 'task' ? TaskError : InfraError;
    const failed = new kind(`the call ended with ${code}: ${output ?? ''}`, { status, code });
    // The one cause after which the same call may still run; after the others the rollout is lost for good.
    return { error: failed, again: code === 'queue_wait', retryAfterMs };
  }
  const code = error ?? `http_${String(status)}`;
  const kind = status >= 500 ? InfraError : ClientError;
  const refused = new kind(message ?? text.slice(0, QUOTED), { status, code });
  return { error: refused, again: status === 503, retryAfterMs };
}

function told(text: string): Partial<NativeAnswer> & Partial<ErrorReply> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {}; // A proxy's page: its text is quoted as it is.
  }
}

/** Doubling, and spread by half, so that hundreds of rollouts don't come back at the same moment. */
function backoff(attempt: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
}

function reason(error: TypeError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
