import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { errorSchema, nativeAnswerSchema } from '../http/schemas.ts';
import { ClientError, InfraError, TaskError, type FaultlineError } from './errors.ts';

export interface TransportOptions {
  /** The server's address, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  /** Sent as `X-Job-Id`: the job whose share of the start queue these rollouts use. */
  readonly job?: string | undefined;
  /** How long a request is retried while the server cannot be reached or asks for a retry. */
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
/** Characters quoted from an unknown answer, such as a proxy's page. */
const QUOTED = 500;

type NativeAnswer = z.output<typeof nativeAnswerSchema>;
type ErrorReply = z.output<typeof errorSchema>;

/**
 * Sends requests, and retries those that may succeed later. The caller must make a request safe to retry: a call needs a
 * call id, and a request that opens a rollout needs the rollout's id. All requests of this client are safe to retry.
 *
 * Retried: no connection, a broken connection, and a 503 that does not end the rollout. Every other error is thrown at
 * once. Node's `fetch` fails after 5 minutes without an answer, earlier than the server answers a held call; the retry
 * joins that call.
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
      // `fetch` throws a TypeError if there is no complete answer; any other error is a bug and is thrown.
      if (!(error instanceof TypeError)) throw error;
      const facts = { status: null, code: 'unreachable', cause: error };
      const message = `${this.#options.url} did not answer: ${reason(error)}`;
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

/** The failure for an answer that is not 2xx: a call's answer with its outcome, an error reply, or one from a proxy. */
function failureOf({ status, headers }: Response, text: string): Failure {
  const { outcome, output, error, message } = told(text);
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(retryAfter) ? retryAfter * 1000 : null;
  if (outcome !== undefined) {
    const code = outcome.cause;
    const kind = status < 500 ? ClientError : outcome.attribution === 'task' ? TaskError : InfraError;
    const failed = new kind(`the call ended with ${code}: ${output ?? ''}`, { status, code });
    // Only after this cause may the same call still run; after the others the rollout is lost.
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
    return {}; // For example a proxy's page. Its text is quoted.
  }
}

/** Exponential, with jitter of half the value, so that hundreds of rollouts do not retry at the same moment. */
function backoff(attempt: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
}

function reason(error: TypeError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
