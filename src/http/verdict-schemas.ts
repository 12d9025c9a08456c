import { z } from 'zod';
import { ATTRIBUTIONS, causes, type CauseCode } from '../outcome/causes.ts';
import { VERDICTS } from '../rollouts/verdict.ts';
import { GRADING_STATES } from '../telemetry/recent-gradings.ts';

/** The part of `schemas.ts` about verdicts, which exports it too. */

export const attribution = z.enum(ATTRIBUTIONS);
export const cause = z.enum(Object.keys(causes) as [CauseCode, ...CauseCode[]]);

export const count = z.int().min(0);
export const counts = z.object({
  calls: count,
  pending: count,
  ok: count,
  model: count,
  recovered: count.describe('Hit by an infrastructure failure, and answered after a replay.'),
  infra: count,
  task: count,
  client: count,
  undetermined: count,
});

/** What was known of a rollout when it was graded. */
export const gradingState = z.enum(GRADING_STATES);

export const verdictSchema = z.object({
  rollout_id: z.string(),
  verdict: z
    .enum(VERDICTS)
    .describe(
      '`no_tool_call`: this server has never seen the id, and would know. `unknown`: it does not have the id, or not all of ' +
        'the rollout, and records are missing.',
    ),
  unknown_because: z.string().nullable().describe('What is missing, where the verdict is `unknown`.'),
  reasons: z.array(cause).readonly(),
  recovered: z
    .literal('replay')
    .nullable()
    .describe('Whether the sandbox was lost to infrastructure and rebuilt by running its calls again.'),
  counts,
});

/** A verdict with the evidence of the calls that exclude the rollout. */
export const verdictWithEvidenceSchema = verdictSchema.extend({
  evidence: z
    .array(z.object({ call_id: z.string(), cause, evidence: z.unknown() }))
    .describe('Of the calls that exclude the rollout.'),
  evidence_kept: z
    .boolean()
    .describe(
      'False where only the verdict is kept here: then `evidence` is empty, and the journal has the calls.',
    ),
});

export const verdictListSchema = z.object({
  verdicts: z.array(verdictSchema).describe('One for each id.'),
  unknown: z
    .array(z.string())
    .describe(
      'Ids that are not known here, as in 0.1.0: those whose verdict is `no_tool_call` or `unknown`.',
    ),
});

export const trajectorySchema = z.object({
  rollout_id: z.string(),
  verdict: verdictSchema.shape.verdict,
  reasons: verdictSchema.shape.reasons,
  calls: z.array(
    z.object({
      call_id: z.string(),
      tool: z.string(),
      arguments: z
        .unknown()
        .describe('As the model sent them; null for a call that never reached a sandbox.'),
      output: z.string().describe('What the model saw.'),
      status: z.int(),
      attribution,
      cause,
      duration_ms: z.number(),
      tokens: z.int().describe('Tokens of the output, estimated as a quarter of its bytes.'),
    }),
  ),
  pending: count.describe('Calls that have not finished; they are not in the list.'),
  summary: z.object({
    calls: count,
    tools: z.record(z.string(), count),
    model_faults: count,
    duration_ms: z.number(),
    output_tokens: count,
  }),
});
