import type { z } from 'zod';
import { trajectoryOf, summaryOf, type TrajectoryCall } from '../grading/trajectory.ts';
import type { JobId, RolloutId } from '../kernel/ids.ts';
import { causes } from '../outcome/causes.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { heldRollout } from './held-rollout.ts';
import type { App, HttpParts } from './parts.ts';
import { jobHeader } from './request-ids.ts';
import { verdictView } from './views.ts';
import {
  errorSchema, rolloutParamsSchema, trajectorySchema, verdictListSchema, verdictsRequestSchema,
  verdictWithEvidenceSchema,
} from './schemas.ts'; // prettier-ignore

const tags = ['verdicts'];
const failures = { '4xx': errorSchema, '5xx': errorSchema };

/** For graders: verdicts with their reasons and evidence, and the calls of a rollout. */
export function verdictRoutes(app: App, parts: HttpParts): void {
  const known = heldRollout(parts);
  app.get(
    '/rollouts/:rollout/verdict',
    {
      schema: {
        tags,
        summary: 'Whether to train on the rollout, with the evidence',
        params: rolloutParamsSchema,
        response: { 200: verdictWithEvidenceSchema, ...failures },
      },
    },
    async ({ params, headers }, reply) =>
      reply.code(200).send(await withEvidence(parts, params.rollout, jobHeader(headers))),
  );
  app.get(
    '/rollouts/:rollout/trajectory',
    {
      schema: {
        tags,
        summary: 'The finished calls of the rollout as the model saw them',
        params: rolloutParamsSchema,
        response: { 200: trajectorySchema, ...failures },
      },
    },
    async ({ params, headers }, reply) =>
      reply.code(200).send(await trajectoryView(known(params.rollout, headers), parts)),
  );
  app.post(
    '/verdicts',
    {
      schema: {
        tags,
        summary: 'Verdicts of many rollouts, in the order of the request',
        body: verdictsRequestSchema,
        response: { 200: verdictListSchema, ...failures },
      },
    },
    ({ body, headers }, reply) => {
      void reply.code(200).send(verdictList(body.rollout_ids, jobHeader(headers), parts));
    },
  );
}

function verdictList(
  ids: readonly RolloutId[],
  job: JobId | undefined,
  { rollouts }: HttpParts,
): z.output<typeof verdictListSchema> {
  const verdicts = [...new Set(ids)].map((id) => verdictView(id, rollouts.standing(id, job)));
  const unknown = verdicts.filter(({ verdict }) => verdict === 'unknown' || verdict === 'no_tool_call');
  return { verdicts, unknown: unknown.map(({ rollout_id }) => rollout_id) };
}

async function withEvidence(
  { rollouts, journal }: HttpParts,
  id: RolloutId,
  job: JobId | undefined,
): Promise<z.output<typeof verdictWithEvidenceSchema>> {
  const standing = rollouts.standing(id, job);
  const { rollout } = standing;
  const verdict = verdictView(id, standing);
  if (rollout === null || rollout.hasForgottenCalls)
    return { ...verdict, evidence: [], evidence_kept: verdict.verdict === 'no_tool_call' };
  const excluding = await trajectoryOf(
    rollout,
    journal,
    ({ ending }) => ending !== null && causes[ending.outcome.cause].excludes,
  );
  return {
    ...verdict,
    evidence_kept: true,
    evidence: excluding.map(({ callId, cause, evidence }) => ({ call_id: callId, cause, evidence })),
  };
}

async function trajectoryView(
  rollout: Rollout,
  { journal }: HttpParts,
): Promise<z.output<typeof trajectorySchema>> {
  const { verdict, reasons, counts } = rollout.verdict;
  const calls = await trajectoryOf(rollout, journal);
  const { pending } = counts;
  return {
    rollout_id: rollout.id,
    verdict,
    reasons,
    calls: calls.map(trajectoryCallView),
    pending,
    summary: summaryOf(calls),
  };
}

function trajectoryCallView({
  callId,
  durationMs,
  tool,
  output,
  status,
  attribution,
  cause,
  tokens,
  ...rest
}: TrajectoryCall) {
  return {
    call_id: callId,
    tool,
    arguments: rest.arguments,
    output,
    status,
    attribution,
    cause,
    duration_ms: durationMs,
    tokens,
  };
}
