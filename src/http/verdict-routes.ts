import type { z } from 'zod';
import { trajectoryOf, summaryOf, type TrajectoryCall } from '../grading/trajectory.ts';
import type { RolloutId } from '../kernel/ids.ts';
import { causes } from '../outcome/causes.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { HttpError } from './errors.ts';
import type { App, HttpParts } from './parts.ts';
import { verdictView } from './views.ts';
import {
  errorSchema, rolloutParamsSchema, trajectorySchema, verdictListSchema, verdictsRequestSchema,
  verdictWithEvidenceSchema,
} from './schemas.ts'; // prettier-ignore

const tags = ['verdicts'];
const failures = { '4xx': errorSchema, '5xx': errorSchema };

/** For graders: verdicts with their reasons and evidence, and the calls of a rollout. */
export function verdictRoutes(app: App, parts: HttpParts): void {
  const known = (id: RolloutId): Rollout => {
    const rollout = parts.rollouts.get(id);
    if (rollout === undefined) throw new HttpError('unknown_rollout');
    return rollout;
  };
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
    async ({ params }, reply) => reply.code(200).send(await withEvidence(known(params.rollout), parts)),
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
    async ({ params }, reply) => reply.code(200).send(await trajectoryView(known(params.rollout), parts)),
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
    ({ body }, reply) => {
      void reply.code(200).send(verdictList(body.rollout_ids, parts));
    },
  );
}

function verdictList(ids: readonly RolloutId[], { rollouts }: HttpParts): z.output<typeof verdictListSchema> {
  const asked = [...new Set(ids)];
  return {
    verdicts: asked
      .map((id) => rollouts.get(id))
      .filter((rollout) => rollout !== undefined)
      .map(verdictView),
    unknown: asked.filter((id) => rollouts.get(id) === undefined),
  };
}

async function withEvidence(
  rollout: Rollout,
  { journal }: HttpParts,
): Promise<z.output<typeof verdictWithEvidenceSchema>> {
  const verdict = verdictView(rollout);
  const excluding = await trajectoryOf(
    rollout,
    journal,
    ({ ending }) => ending !== null && causes[ending.outcome.cause].excludes,
  );
  return {
    ...verdict,
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
