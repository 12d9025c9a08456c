import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { rolloutId, type CallId } from '../kernel/ids.ts';
import type { Call } from '../rollouts/call.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { storedAnswer } from '../tools/stored-answer.ts';
import { HttpError } from './errors.ts';
import { openingValues } from './model-values.ts';
import { nativeAnswer } from './native-calls.ts';
import type { App, HttpParts } from './parts.ts';
import { jobHeader, openingOf } from './request-ids.ts';
import { absentRollout, heldRollout, isUnseen } from './held-rollout.ts';
import { rolloutSummary, rolloutView, verdictView } from './views.ts';
import {
  callParamsSchema, errorSchema, nativeAnswerSchema, openRolloutSchema, rolloutListQuerySchema, rolloutListSchema,
  rolloutParamsSchema, rolloutSummarySchema, rolloutViewSchema, verdictSchema,
} from './schemas.ts'; // prettier-ignore

const tags = ['rollouts'];
const failures = { '4xx': errorSchema, '5xx': errorSchema };

/** Rollouts: open, list, read, end. */
export function rolloutRoutes(app: App, parts: HttpParts): void {
  const { rollouts } = parts;
  const known = heldRollout(parts);
  openRoute(app, parts);
  listRoute(app, parts);
  readRoutes(app, parts, known);
  app.delete(
    '/rollouts/:rollout',
    {
      schema: {
        tags,
        summary: 'End a rollout; calls and verdict stay readable',
        params: rolloutParamsSchema,
        response: { 200: verdictSchema, ...failures },
      },
    },
    async ({ params, headers }, reply) => {
      const job = jobHeader(headers);
      const standing = rollouts.standing(params.rollout, job);
      if (standing.rollout !== null) await parts.sandboxes.ends.endRollout(standing.rollout, 'deleted');
      else if (isUnseen(standing)) throw absentRollout(standing, job);
      return reply.code(200).send(verdictView(params.rollout, rollouts.standing(params.rollout, job)));
    },
  );
}

function openRoute(app: App, { rollouts }: HttpParts): void {
  const response = {
    200: rolloutSummarySchema.describe('The rollout was open already.'),
    201: rolloutSummarySchema,
  };
  app.post(
    '/rollouts',
    {
      schema: {
        tags,
        summary: 'Open a rollout ahead of its first call',
        body: openRolloutSchema,
        response: { ...response, ...failures },
      },
      config: { modelValues: openingValues },
    },
    async ({ body, headers }, reply) => {
      const id = body.rollout_id ?? rolloutId(`rollout-${randomUUID()}`);
      const opening = openingOf(id, headers, body);
      const existed = rollouts.get(id, opening.job) !== undefined;
      const rollout = await rollouts.openRollout(opening);
      if (rollout.hasForgottenCalls) throw new HttpError('rollout_ended');
      return reply.code(existed ? 200 : 201).send(rolloutSummary(rollout));
    },
  );
}

function listRoute(app: App, { rollouts }: HttpParts): void {
  app.get(
    '/rollouts',
    {
      schema: {
        tags,
        summary: 'List rollouts, latest first',
        querystring: rolloutListQuerySchema,
        response: { 200: rolloutListSchema, ...failures },
      },
    },
    ({ query }, reply) => {
      void reply.code(200).send(rolloutList(rollouts.all(), query));
    },
  );
}

function rolloutList(
  all: Iterable<Rollout>,
  { limit, ...wanted }: z.output<typeof rolloutListQuerySchema>,
): z.output<typeof rolloutListSchema> {
  const fits = ({ state, task }: Rollout): boolean =>
    (wanted.state ?? state) === state &&
    (wanted.task ?? task.name) === task.name &&
    (wanted.image ?? task.image.name) === task.image.name;
  const found = [...all].filter(fits);
  return { rollouts: found.slice(-limit).reverse().map(rolloutSummary), total: found.length };
}

function readRoutes(app: App, parts: HttpParts, known: ReturnType<typeof heldRollout>): void {
  const viewOf = (rollout: Rollout) => rolloutView(rollout, parts.sandboxes.places.queuePlace(rollout));
  app.get(
    '/rollouts/:rollout',
    {
      schema: {
        tags,
        summary: 'A rollout and its calls',
        params: rolloutParamsSchema,
        response: { 200: rolloutViewSchema, ...failures },
      },
    },
    ({ params, headers }, reply) => {
      void reply.code(200).send(viewOf(known(params.rollout, headers)));
    },
  );
  app.get(
    '/rollouts/:rollout/calls/:call',
    {
      schema: {
        tags,
        summary: 'What a call answered',
        params: callParamsSchema,
        response: { 200: nativeAnswerSchema, ...failures },
      },
    },
    async ({ params, headers }, reply) => {
      const rollout = known(params.rollout, headers);
      const answer = await storedAnswer(parts.journal, finishedCall(rollout, params.call));
      return reply.code(200).send(nativeAnswer(answer));
    },
  );
}

function finishedCall(rollout: Rollout, id: CallId): Call {
  const call = rollout.calls.get(id);
  if (call === undefined) throw new HttpError('unknown_call');
  if (call.ending === null) throw new HttpError('call_running');
  return call;
}
