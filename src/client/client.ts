import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type {
  poolViewSchema, rolloutListSchema, rolloutStateSchema, rolloutSummarySchema, taskListSchema, verdictListSchema,
} from '../http/schemas.ts'; // prettier-ignore
import { Rollout } from './rollout.ts';
import { Transport, type TransportOptions } from './transport.ts';

export { ClientError, FaultlineError, InfraError, TaskError } from './errors.ts';
export type {
  Rollout,
  RolloutView,
  ToolAnswer,
  Trajectory,
  Uploaded,
  Verdict,
  VerdictWithEvidence,
} from './rollout.ts';
export type { TransportOptions } from './transport.ts';

export type TaskList = z.output<typeof taskListSchema>;
export type VerdictList = z.output<typeof verdictListSchema>;
export type RolloutList = z.output<typeof rolloutListSchema>;
export type PoolView = z.output<typeof poolViewSchema>;
export type RolloutState = z.output<typeof rolloutStateSchema>;

export interface OpenOptions {
  /** Absent: an id is generated, so that a retried request does not open a second rollout. */
  readonly id?: string;
  readonly task?: string;
  /** The dataset row, which may select the task. */
  readonly item?: unknown;
}

/** A faultline server, for trainers. Has no connection and no state: create one and share it. */
export class Faultline {
  readonly #transport: Transport;

  constructor(options: TransportOptions) {
    this.#transport = new Transport(options);
  }

  /** A rollout by its id, without a request to the server. If it is not open, its first call opens it with the default task. */
  rollout(id: string): Rollout {
    return new Rollout(id, this.#transport);
  }

  /** Opens a rollout. Its first call starts the sandbox. @throws ClientError `unknown_task` */
  async open({ id = `rollout-${randomUUID()}`, task, item }: OpenOptions = {}): Promise<Rollout> {
    const json = { rollout_id: id, task, item };
    const opened = await this.#transport.json<z.output<typeof rolloutSummarySchema>>({
      method: 'POST',
      path: '/rollouts',
      json,
    });
    return new Rollout(opened.rollout_id, this.#transport);
  }

  async rollouts(
    query: { readonly state?: RolloutState; readonly limit?: number } = {},
  ): Promise<RolloutList> {
    const { state, limit = 100 } = query;
    const text = new URLSearchParams({
      limit: String(limit),
      ...(state !== undefined && { state }),
    }).toString();
    return await this.#transport.json({ method: 'GET', path: `/rollouts?${text}` });
  }

  /** Verdicts of up to 10,000 rollouts. Grade `valid` and `no_tool_call`, and no other. */
  async verdicts(ids: readonly string[]): Promise<VerdictList> {
    return await this.#transport.json({ method: 'POST', path: '/verdicts', json: { rollout_ids: ids } });
  }

  async tasks(): Promise<TaskList> {
    return await this.#transport.json({ method: 'GET', path: '/tasks' });
  }

  /** A task's tool definitions, in the form of `tools` in a request to the Responses or chat completions API. */
  async tools(task: string, format: 'responses' | 'chat' | 'job' = 'responses'): Promise<readonly object[]> {
    const path = `/tasks/${encodeURIComponent(task)}/tools?format=${format}`;
    return (await this.#transport.json<{ tools: object[] }>({ method: 'GET', path })).tools;
  }

  /** Announces a burst, so that sandboxes are ready when it starts. */
  async prewarm(count: number, task?: string): Promise<PoolView> {
    return await this.#transport.json({ method: 'POST', path: '/prewarm', json: { count, task } });
  }
}
