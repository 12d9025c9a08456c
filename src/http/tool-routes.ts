import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CallAnswer, CallRequest } from '../tools/call-answer.ts';
import { fitOutput } from './answer-size.ts';
import { callHeaders } from './call-headers.ts';
import { clientGone } from './client-gone.ts';
import { HttpError, sendError } from './errors.ts';
import type { App, HttpParts } from './parts.ts';
import { noteRefusedCall } from './refused-calls.ts';
import { headerValue, idempotencyHeader, openingOf, rolloutHeader } from './request-ids.ts';
import { errorSchema, taskQuerySchema, toolAnswerSchema, toolCallSchema } from './schemas.ts';

type ToolCall = z.output<typeof toolCallSchema>;

const response = {
  200: toolAnswerSchema.describe('The tool ran, or the failure is attributed to the model.'),
  '4xx': errorSchema.describe("The failure is the client's, or the rollout has ended."),
  '5xx': errorSchema.describe("The failure is not the model's. Retry with the same call id."),
};
const common = { tags: ['tools'], body: toolCallSchema, querystring: taskQuerySchema, response };

/** Tool calls in the platform's form. */
export function toolRoutes(app: App, parts: HttpParts): void {
  const onError = noteRefusedCall(parts);
  app.post(
    '/tools/:name',
    {
      schema: {
        ...common,
        summary: 'Call a tool; the path names it',
        params: z.object({ name: z.string() }),
      },
      onError,
    },
    async (request, reply) => {
      const { body, query, params } = request;
      return await serve(parts, body, callRequest(request, body, query, params.name), reply);
    },
  );
  app.post(
    '/tools',
    { schema: { ...common, summary: 'Call a tool; the body names it' }, onError },
    async (request, reply) => {
      const { body, query } = request;
      return await serve(parts, body, callRequest(request, body, query, null), reply);
    },
  );
}

/** @throws HttpError where the request names no rollout, no tool, or two different tools. */
function callRequest(
  { headers }: Pick<FastifyRequest, 'headers'>,
  body: ToolCall,
  query: z.output<typeof taskQuerySchema>,
  pathName: string | null,
): CallRequest {
  const rollout = body.trace_id ?? rolloutHeader(headers);
  if (rollout === undefined) {
    throw new HttpError('bad_request', 'body.trace_id: missing, and so is the header X-Rollout-Id');
  }
  return {
    opening: openingOf(rollout, headers, { task: query.task, item: body.item }),
    callId: (body.call_id === '' ? null : body.call_id) ?? idempotencyHeader(headers) ?? null,
    tool: toolName(pathName, body.name ?? null),
    arguments: body.arguments,
  };
}

function toolName(inPath: string | null, inBody: string | null): string {
  const tool = inPath ?? inBody;
  if (tool === null) throw new HttpError('bad_request', 'body.name: missing, and the path names no tool');
  if (inBody === null || inBody === tool) return tool;
  throw new HttpError('bad_request', `body.name: "${inBody}", but the path names the tool "${tool}"`);
}

async function serve(
  parts: HttpParts,
  body: ToolCall,
  call: CallRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.header('x-rollout-id', headerValue(call.opening.id));
  if (call.callId === null) reply.header('x-faultline-idempotent', 'false');
  const answer = await parts.calls.runCall({ ...call, gone: clientGone(reply) });
  callHeaders(reply, answer);
  if (answer.status === 200) return reply.send(toolAnswer(body, answer));
  sendError(reply, answer.status === 410 ? 'rollout_ended' : 'unavailable');
  return reply;
}

/** Without an `id` in the request the answer's is derived from the call id, so that a retry gets the same bytes. */
function toolAnswer(body: ToolCall, answer: CallAnswer): z.output<typeof toolAnswerSchema> {
  return {
    type: 'function_call_output',
    id: body.id ?? `fc_${answer.callId}`,
    call_id: answer.callId,
    output: fitOutput(answer.output),
  };
}
