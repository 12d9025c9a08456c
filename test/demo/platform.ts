import { Agent, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';

/** The platform waits 10 minutes. */
const PLATFORM_WAITS_MS = 600_000;
/** Maximum number of retries after a 5xx; then the rollout is discarded. */
const REPEATS = 3;

/** One tool call as a model makes it. */
export interface ModelCall {
  readonly rollout: string;
  readonly callId: string;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** The dataset row. */
  readonly item: Readonly<Record<string, unknown>>;
}

export interface WireAnswer {
  readonly status: number;
  readonly output: string;
  readonly durationMs: number;
  readonly repeats: number;
}

const wireAnswer = z.object({
  type: z.literal('function_call_output'),
  id: z.string(),
  call_id: z.string(),
  output: z.string(),
});
const nativeAnswer = z.object({
  output: z.string(),
  result: z
    .object({
      exit_code: z.number().nullable(),
      signal: z.string().nullable(),
      stdout: z.string(),
      stderr: z.string(),
      truncated: z.boolean(),
      notice: z.string().nullable(),
    })
    .nullable(),
  outcome: z.object({ attribution: z.string(), cause: z.string() }),
});
const rolloutAnswer = z.object({ task: z.string() });

export type NativeAnswer = z.output<typeof nativeAnswer>;

interface Response {
  readonly status: number;
  readonly text: string;
}

/** Simulates the fine-tuning platform in its exact wire form, and uses the native API for details. */
export class Platform implements Disposable {
  readonly #url: URL;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string, token: string) {
    this.#url = new URL(url);
    this.#token = token;
  }

  async isReady(): Promise<boolean> {
    const response = await this.#send('GET', '/readyz', null).catch(() => null);
    return response?.status === 200;
  }

  /** `POST /v1/tools/<name>`, retried on a 5xx as the platform does. @throws Error if the answer violates the contract. */
  async tool(call: ModelCall): Promise<WireAnswer> {
    const body = {
      type: 'function_call',
      id: `fc_${call.callId}`,
      call_id: call.callId,
      name: call.tool,
      arguments: JSON.stringify(call.arguments),
      trace_id: call.rollout,
      item: call.item,
    };
    const began = performance.now();
    for (let repeats = 0; ; repeats++) {
      const response = await this.#send('POST', `/v1/tools/${call.tool}`, body);
      if (response.status >= 500 && repeats < REPEATS) continue;
      const durationMs = performance.now() - began;
      return { status: response.status, output: checkedOutput(response, call), durationMs, repeats };
    }
  }

  /** `POST /v1/rollouts/:id/calls`: for a call id that was used before, returns the complete stored answer. */
  async native(call: ModelCall): Promise<NativeAnswer> {
    const body = { call_id: call.callId, tool: call.tool, arguments: call.arguments };
    const response = await this.#send('POST', `${rolloutPath(call.rollout)}/calls`, body);
    if (response.status !== 200)
      throw new Error(`native call answered ${String(response.status)}: ${response.text}`);
    return nativeAnswer.parse(JSON.parse(response.text));
  }

  /** The task that the server chose for a rollout. */
  async taskOf(rollout: string): Promise<string> {
    const response = await this.#send('GET', rolloutPath(rollout), null);
    if (response.status !== 200)
      throw new Error(`GET rollout answered ${String(response.status)}: ${response.text}`);
    return rolloutAnswer.parse(JSON.parse(response.text)).task;
  }

  async end(rollout: string): Promise<void> {
    const response = await this.#send('DELETE', rolloutPath(rollout), null);
    if (response.status >= 400)
      throw new Error(`DELETE rollout answered ${String(response.status)}: ${response.text}`);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, body: unknown): Promise<Response> {
    const deadline = Deadline.after(systemClock, 'engine_request', PLATFORM_WAITS_MS);
    const payload = body === null ? null : Buffer.from(JSON.stringify(body));
    const exchange = new Promise<Response>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${this.#token}`,
        ...(payload && { 'content-type': 'application/json', 'content-length': payload.length }),
      };
      const outgoing = request(
        new URL(path, this.#url),
        { method, headers, agent: this.#agent },
        (incoming) => {
          buffer(incoming).then((bytes) => {
            resolve({ status: incoming.statusCode ?? 0, text: bytes.toString() });
          }, reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(payload ?? undefined);
    });
    return deadline.race(exchange);
  }
}

function rolloutPath(rollout: string): string {
  return `/v1/rollouts/${encodeURIComponent(rollout)}`;
}

function checkedOutput(response: Response, call: ModelCall): string {
  if (response.status !== 200) return response.text;
  const answer = wireAnswer.parse(JSON.parse(response.text));
  if (answer.call_id !== call.callId || answer.id !== `fc_${call.callId}`) {
    throw new Error(`call ${call.callId} was answered as ${answer.id} / ${answer.call_id}`);
  }
  return answer.output;
}
