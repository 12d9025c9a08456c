import { z } from 'zod';
import { callId, idProblem, rolloutId, rolloutIdProblem, taskName } from '../kernel/ids.ts';
import { attribution, cause, count, counts, gradingState, verdictSchema } from './verdict-schemas.ts';

export * from './verdict-schemas.ts';

/**
 * Schemas of requests and replies, for the routes, the typed client and the OpenAPI document. Replies are not validated
 * when they are sent: TypeScript checks the routes against the schemas, and a test checks the bytes.
 */

/** An id in a request; `parse` brands it. */
function id<Id>(parse: (text: string) => Id, description: string, problemOf = idProblem) {
  const text = z.string().min(1).max(256).describe(description);
  return text
    .refine((value) => problemOf(value) === null, { error: ({ input }) => problemOf(String(input)) ?? '' })
    .transform(parse);
}

const rolloutField = id(rolloutId, 'Rollout id, the same for all calls of a rollout.', rolloutIdProblem);
const callField = id(callId, 'Id of the call; with the rollout id it is the idempotency key.');

/** Any JSON value: what does not fit the tool is the model's mistake, and the call is answered. Absent: the client's. */
const argumentsField = z
  .union([z.string(), z.record(z.string(), z.unknown()), z.unknown()])
  .refine((value) => value !== undefined, 'missing')
  .describe('Arguments of the tool, as a JSON string or as an object.');

/** Any JSON value: a model may invent names. The document says what they should be. */
const toolField = z.unknown().meta({ type: 'string' });
const itemField = z.unknown().describe('Dataset row. Its fields may select the task.');

/** A null counts as absent, and so does an empty call id: some clients send every field. */
export const toolCallSchema = z.looseObject({
  type: z.literal('function_call').nullish(),
  id: z.string().max(256).nullish(),
  call_id: z.union([callField, z.null(), z.literal('')]).optional(),
  name: z.union([toolField, z.null()]).optional(),
  arguments: argumentsField,
  trace_id: rolloutField.nullish(),
  item: itemField.optional(),
});

export const toolAnswerSchema = z.object({
  type: z.literal('function_call_output'),
  id: z.string(),
  call_id: z.string(),
  output: z.string().describe('What the model sees.'),
});

export const errorSchema = z.object({ error: z.string(), message: z.string() });

export const taskQuerySchema = z.object({
  task: id(taskName, 'Task of the rollout, if this request opens it.').optional(),
});

export const openRolloutSchema = z.strictObject({
  rollout_id: rolloutField.optional(),
  task: id(
    taskName,
    'Name of the task; without it the rules select by `item`, else the default task.',
  ).optional(),
  item: itemField.optional(),
});

export const nativeCallSchema = z.strictObject({
  call_id: callField.optional(),
  tool: toolField.refine((value) => value !== undefined, 'missing'),
  arguments: argumentsField,
});

export const resultSchema = z.object({
  exit_code: z.int().nullable(),
  signal: z.string().nullable(),
  stdout: z.string(),
  stderr: z.string(),
  truncated: z.boolean(),
  notice: z.string().nullable(),
  duration_ms: z.number(),
});

export const nativeAnswerSchema = z.object({
  call_id: z.string(),
  output: z.string(),
  result: resultSchema.nullable(),
  outcome: z.object({ attribution, cause }),
});

export const VERDICTS_AT_ONCE = 10_000;
export const verdictsRequestSchema = z.strictObject({
  rollout_ids: z.array(rolloutField).min(1).max(VERDICTS_AT_ONCE),
});
/** The platform's request to a grader. Other fields are passed on. */
export const gradeRequestSchema = z.looseObject({
  sample: z.unknown().describe('What the model produced.'),
  item: itemField.optional(),
  trace_id: rolloutField.nullish(),
});
export const gradeAnswerSchema = z.looseObject({ score: z.number() });

export const rolloutStateSchema = z.enum(['opened', 'live', 'displaced', 'lost', 'ended']);

export const rolloutSummarySchema = z.object({
  rollout_id: z.string(),
  state: rolloutStateSchema,
  task: z.string(),
  image: z.string(),
});

export const callViewSchema = z.object({
  call_id: z.string(),
  tool: z.string(),
  attribution: attribution.nullable().describe('Null until the call has finished, like the fields below.'),
  cause: cause.nullable(),
  status: z.int().nullable(),
  duration_ms: z.number().nullable(),
});

export const rolloutViewSchema = rolloutSummarySchema.extend({
  policy: z.string(),
  job: z.string(),
  opened_at: z.iso.datetime(),
  loss_cause: cause.nullable(),
  end_reason: z.enum(['deleted', 'graded', 'idle', 'life', 'stopped']).nullable(),
  verdict: verdictSchema.shape.verdict,
  reasons: verdictSchema.shape.reasons,
  recovered: verdictSchema.shape.recovered,
  counts,
  queue: z
    .object({
      position: z.int().min(0).describe('Starts ahead of this one; 0: this start is under way.'),
      expected_wait_ms: z.int().min(0),
    })
    .nullable()
    .describe('Place in the start queue; null where the rollout waits for no start.'),
  calls: z.array(callViewSchema),
});

export const prewarmSchema = z.strictObject({
  count: z.int().min(0).max(10_000).describe('Expected number of rollouts.'),
  task: id(taskName, 'Their task; default: the default task.').optional(),
});

export const poolViewSchema = z.object({
  pool: z.string().describe('Image and sandbox policy.'),
  target: z.int().min(0).describe('Sandboxes to keep ready, within the budget and the sandbox policy.'),
  ready: z.int().min(0),
  filling: z.int().min(0),
});

export const milliseconds = z.int().min(0);
export const burstSchema = z.object({
  began_at: z.iso.datetime(),
  rollouts: count.describe('Rollouts that had their first answer.'),
  warm: count,
  cold: count,
  failed: count.describe('First answers that were a 503.'),
  p50_ms: milliseconds.describe("Time from the arrival of a rollout's first call to its answer."),
  p95_ms: milliseconds,
  p99_ms: milliseconds,
});

export const statusSchema = z.object({
  at: z.iso.datetime(),
  queue: z.object({
    waiting: count.describe('Rollouts that wait for a start.'),
    starting: count,
    width: z.number().describe('Limit of concurrent starts at this moment.'),
    expected_wait_ms: milliseconds.describe('Estimated wait of a rollout that arrives now.'),
    engine: z
      .enum(['closed', 'open', 'half_open'])
      .describe('State of the circuit breaker of the engine; closed: the engine answers.'),
  }),
  sandboxes: z.object({
    live: count,
    cap: count,
    warm: count,
    filling: count,
    to_remove: count,
    abandoned: count,
  }),
  rollouts: z.record(rolloutStateSchema, count),
  verdicts: z.object({
    complete: z
      .boolean()
      .describe('Whether an id that is not known here is known to have made no tool call.'),
    unknown_because: z.string().nullable(),
    gradings: z
      .record(gradingState, count)
      .describe('Requests to grade of the last 30 minutes, by what was known of the rollout.'),
  }),
  calls: z
    .record(attribution, count)
    .describe('Calls finished since the start of this server, by attribution.'),
  burst: burstSchema.nullable().describe('The current burst.'),
  bursts: z.array(burstSchema).describe('The last bursts, oldest first.'),
});

export const rolloutListSchema = z.object({
  rollouts: z.array(rolloutSummarySchema),
  total: z.int().describe('Number of matching rollouts; the list may hold fewer.'),
});

export const rolloutListQuerySchema = z.object({
  state: rolloutStateSchema.optional(),
  task: z.string().optional(),
  image: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export const rolloutParamsSchema = z.object({ rollout: rolloutField });
export const callParamsSchema = z.object({ rollout: rolloutField, call: callField });

export const filePathSchema = z.object({
  path: z
    .string()
    .min(1)
    .max(4096)
    .refine((path) => !path.includes('\0'), 'contains a NUL')
    .describe('Path inside the sandbox.'),
});
export const uploadedSchema = z.object({ path: z.string(), bytes: z.int(), sha256: z.string() });

export const taskViewSchema = z.object({
  name: z.string(),
  image: z.string(),
  policy: z.string(),
  tools: z.array(z.string()),
  default: z.boolean(),
});
export const taskListSchema = z.object({ tasks: z.array(taskViewSchema) });

export const healthSchema = z.object({ status: z.literal('ok') });
export const readinessSchema = z.object({
  ready: z.boolean(),
  problems: z.array(z.string()).describe('Why the server is not ready; empty where it is.'),
});
