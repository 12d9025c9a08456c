import type { z } from 'zod';
import type { CallAnswer } from '../tools/call-answer.ts';
import { fitResult } from './answer-size.ts';
import { callHeaders } from './call-headers.ts';
import { requesterOf } from './client-gone.ts';
import { callValues } from './model-values.ts';
import type { App, HttpParts } from './parts.ts';
import { noteRefusedCall } from './refused-calls.ts';
import { openingOf } from './request-ids.ts';
import {
  errorSchema,
  nativeAnswerSchema,
  nativeCallSchema,
  rolloutParamsSchema,
  taskQuerySchema,
} from './schemas.ts';

const response = {
  200: nativeAnswerSchema,
  410: nativeAnswerSchema.describe('The rollout has ended.'),
  503: nativeAnswerSchema.describe(
    "The failure is not the model's; `outcome` has the attribution. Retry with the same call id.",
  ),
  '4xx': errorSchema,
  '5xx': errorSchema,
};

/** Tool calls for trainers: the same steps and statuses as in the platform's form; the answer contains the outcome too. */
export function nativeCallRoutes(app: App, parts: HttpParts): void {
  app.post(
    '/rollouts/:rollout/calls',
    {
      schema: {
        tags: ['rollouts'],
        summary: 'Call a tool; opens the rollout if it is new',
        params: rolloutParamsSchema,
        querystring: taskQuerySchema,
        body: nativeCallSchema,
        response,
      },
      config: { modelValues: callValues },
      onError: noteRefusedCall(parts),
    },
    async ({ params, query, body, headers }, reply) => {
      const answer = await parts.calls.runCall({
        opening: openingOf(params.rollout, headers, { task: query.task }),
        callId: body.call_id ?? null,
        tool: body.tool,
        arguments: body.arguments,
        requester: requesterOf(reply),
      });
      if (body.call_id === undefined) reply.header('x-faultline-idempotent', 'false');
      callHeaders(reply, answer);
      return reply.code(answer.status as keyof typeof response & number).send(nativeAnswer(answer));
    },
  );
}

export function nativeAnswer(answer: CallAnswer): z.output<typeof nativeAnswerSchema> {
  const { attribution, cause } = answer.outcome;
  return {
    call_id: answer.callId,
    ...fitResult(answer.output, answer.result),
    outcome: { attribution, cause },
  };
}
