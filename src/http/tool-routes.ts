import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Catalog } from '../policy/schema.ts';
import type { CallAnswer, CallRequest } from '../tools/call-answer.ts';
import { toolbox } from '../tools/toolbox.ts';
import { fitOutput } from './answer-size.ts';
import { callHeaders } from './call-headers.ts';
import { requesterOf } from './client-gone.ts';
import { HttpError, sendError } from './errors.ts';
import { callValues } from './model-values.ts';
import type { App, HttpParts } from './parts.ts';
import { noteRefusedCall } from './refused-calls.ts';
import { headerValue, idempotencyHeader, openingOf, rolloutHeader } from './request-ids.ts';
import { errorSchema, taskQuerySchema, toolAnswerSchema, toolCallSchema } from './schemas.ts';

type ToolCall = z.output<typeof toolCallSchema>;

interface CallingRequest extends Pick<FastifyRequest, 'headers'> {
  readonly body: ToolCall;
  readonly query: z.output<typeof taskQuerySchema>;
}

const response = {
  200: toolAnswerSchema.describe('The tool ran, or the failure is attributed to the model.'),
  '4xx': errorSchema.describe("The failure is the client's, or the rollout has ended."),
  '5xx': errorSchema.describe("The failure is not the model's. Retry with the same call id."),
};
const common = { tags: ['tools'], body: toolCallSchema, querystring: taskQuerySchema, response };

/** Tool calls in the platform's form. */
export function toolRoutes(app: App, parts: HttpParts): void {
  const options = { onError: noteRefusedCall(parts), config: { modelValues: callValues } };
  const params = z.object({ name: z.string() });
  app.post(
    '/tools/:name',
    { ...options, schema: { ...common, params, summary: 'Call a tool; the path names it' } },
    async (request, reply) => {
      const call = callRequest(parts, request, request.params.name);
      return await serve(parts, request.body, call, reply);
    },
  );
  // A client may put a name that the model invented into the path as it is, slashes included.
  app.post(
    '/tools/*',
    { ...options, schema: { ...common, params: z.object({ '*': z.string() }), hide: true } },
    async (request, reply) => {
      const call = callRequest(parts, request, request.params['*']);
      return await serve(parts, request.body, call, reply);
    },
  );
  app.post(
    '/tools',
    { ...options, schema: { ...common, summary: 'Call a tool; the body names it' } },
    async (request, reply) => await serve(parts, request.body, callRequest(parts, request, null), reply),
  );
}

/** @throws HttpError where the request names no rollout, no tool, or two different tools. */
function callRequest(
  { catalog }: HttpParts,
  { headers, body, query }: CallingRequest,
  pathName: string | null,
): CallRequest {
  const rollout = body.trace_id ?? rolloutHeader(headers);
  if (rollout === undefined) {
    throw new HttpError('bad_request', 'body.trace_id: missing, and so is the header X-Rollout-Id');
  }
  return {
    opening: openingOf(rollout, headers, { task: query.task, item: body.item }),
    callId: (body.call_id === '' ? null : body.call_id) ?? idempotencyHeader(headers) ?? null,
    tool: toolName(catalog, pathName, body.name),
    arguments: body.arguments,
  };
}

/** The name in the body is the model's own; the path may be the client's choice. */
function toolName(catalog: Catalog, inPath: string | null, inBody: unknown): unknown {
  if (inPath === null && inBody === undefined)
    throw new HttpError('bad_request', 'body.name: missing, and the path names no tool');
  if (inPath === null) return inBody;
  if (inBody === undefined || inBody === null) return inPath;
  const known = [...catalog.tasks.values()].map(toolbox);
  const misrouted = typeof inBody === 'string' && known.some((tools) => tools.has(inBody));
  if (inBody === inPath || !misrouted) return inBody;
  throw new HttpError('bad_request', `body.name: "${inBody}", but the path names the tool "${inPath}"`);
}

async function serve(
  parts: HttpParts,
  body: ToolCall,
  call: CallRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.header('x-rollout-id', headerValue(call.opening.id));
  if (call.callId === null) reply.header('x-faultline-idempotent', 'false');
  const answer = await parts.calls.runCall({ ...call, requester: requesterOf(reply) });
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
