import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type {
  nativeAnswerSchema, rolloutViewSchema, trajectorySchema, uploadedSchema, verdictSchema, verdictWithEvidenceSchema,
} from '../http/schemas.ts'; // prettier-ignore
import type { Transport } from './transport.ts';

export type ToolAnswer = z.output<typeof nativeAnswerSchema>;
export type Verdict = z.output<typeof verdictSchema>;
export type VerdictWithEvidence = z.output<typeof verdictWithEvidenceSchema>;
export type Trajectory = z.output<typeof trajectorySchema>;
export type RolloutView = z.output<typeof rolloutViewSchema>;
export type Uploaded = z.output<typeof uploadedSchema>;

/** One rollout of the trainer. `await using` ends it. Every method throws InfraError, TaskError or ClientError. */
export class Rollout implements AsyncDisposable {
  readonly id: string;
  readonly #transport: Transport;

  constructor(id: string, transport: Transport) {
    this.id = id;
    this.#transport = transport;
  }

  /**
   * Calls a tool and waits until it has ended, up to 10 minutes, or longer if the sandbox waits in the start queue. A
   * failure of the model is an answer: give it `output` and continue.
   *
   * @param callId The idempotency key. Pass your own if the trainer may be restarted and repeat the call.
   */
  async call(tool: string, args: object, callId: string = randomUUID()): Promise<ToolAnswer> {
    return await this.#transport.json({
      method: 'POST',
      path: `${this.#path}/calls`,
      json: { call_id: callId, tool, arguments: args },
    });
  }

  /** Writes a file; `path` is a path in the sandbox. */
  async upload(path: string, content: Uint8Array | string): Promise<Uploaded> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    return await this.#transport.json({ method: 'PUT', path: this.#file(path), bytes });
  }

  async download(path: string): Promise<Uint8Array> {
    return await this.#transport.bytes({ method: 'GET', path: this.#file(path) });
  }

  async view(): Promise<RolloutView> {
    return await this.#transport.json({ method: 'GET', path: this.#path });
  }

  /** Call this before the rollout is graded: grade it only if the verdict is `valid` or `no_tool_call`. */
  async verdict(): Promise<VerdictWithEvidence> {
    return await this.#transport.json({ method: 'GET', path: `${this.#path}/verdict` });
  }

  async trajectory(): Promise<Trajectory> {
    return await this.#transport.json({ method: 'GET', path: `${this.#path}/trajectory` });
  }

  /** Ends the rollout and removes its sandbox; calls and verdict stay readable. May be repeated. */
  async end(): Promise<Verdict> {
    return await this.#transport.json({ method: 'DELETE', path: this.#path });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  get #path(): string {
    return `/rollouts/${encodeURIComponent(this.id)}`;
  }

  #file(path: string): string {
    return `${this.#path}/files?${new URLSearchParams({ path }).toString()}`;
  }
}
