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

/** One rollout of the trainer's. `await using` ends it. Every method throws InfraError, TaskError or ClientError. */
export class Rollout implements AsyncDisposable {
  readonly id: string;
  readonly #transport: Transport;

  constructor(id: string, transport: Transport) {
    this.id = id;
    this.#transport = transport;
  }

  /**
   * Calls a tool and waits for its ending, up to 10 minutes and longer where sandboxes are queued for. What the
   * model got wrong is an answer: give it `output` and go on.
   *
   * @param callId Its idempotency key. Pass your own where the trainer itself may be restarted and ask again.
   */
  async call(tool: string, args: object, callId: string = randomUUID()): Promise<ToolAnswer> {
    return await this.#transport.json({
      method: 'POST',
      path: `${this.#path}/calls`,
      json: { call_id: callId, tool, arguments: args },
    });
  }

  /** Writes a file; the path is the sandbox's. */
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

  /** Ask before the rollout is graded: only `valid` is the model's own doing. */
  async verdict(): Promise<VerdictWithEvidence> {
    return await this.#transport.json({ method: 'GET', path: `${this.#path}/verdict` });
  }

  async trajectory(): Promise<Trajectory> {
    return await this.#transport.json({ method: 'GET', path: `${this.#path}/trajectory` });
  }

  /** Ends it and removes its sandbox; calls and verdict stay readable. May be repeated. */
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
