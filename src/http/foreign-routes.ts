import { randomUUID } from 'node:crypto';
import multipart from '@fastify/multipart';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { errorMessage } from '../kernel/errors.ts';
import { rolloutId } from '../kernel/ids.ts';
import { requesterOf } from './client-gone.ts';
import { codedError, HttpError } from './errors.ts';
import { UPLOAD_BYTES } from './file-routes.ts';
import { foreignValues } from './model-values.ts';
import type { App, HttpParts } from './parts.ts';
import { headerValue, openingOf, requestIdHeader, rolloutHeader } from './request-ids.ts';
import { rolloutParamsSchema, taskQuerySchema } from './schemas.ts';

const sweRexParams = rolloutParamsSchema.extend({ verb: z.string() });

/** The endpoints of other projects. Needs a Fastify scope of its own: some bodies are multipart forms here. */
export async function foreignRoutes(app: App, { adapters }: HttpParts): Promise<void> {
  // Fields arrive as text, files as bytes. A file above the limit is a 413.
  await app.register(multipart, { attachFieldsToBody: 'keyValues', limits: { fileSize: UPLOAD_BYTES } });
  app.setErrorHandler((error, request) => {
    throw formError(error, request);
  });
  const options = {
    bodyLimit: UPLOAD_BYTES,
    schema: { hide: true, querystring: taskQuerySchema },
    config: { modelValues: foreignValues(UPLOAD_BYTES) },
  };

  app.post('/run_code', options, async ({ headers, query, body }, reply) => {
    const named = rolloutHeader(headers);
    const id = named ?? rolloutId(`run-code-${randomUUID()}`);
    const opening = openingOf(id, headers, { task: query.task });
    reply.header('x-rollout-id', headerValue(id));
    const callId = requestIdHeader(headers) ?? null;
    const call = { body, opening, callId, requester: requesterOf(reply) };
    return await send(reply, adapters.runCode(call, { once: named === undefined }));
  });

  app.route({
    ...options,
    method: ['GET', 'POST'],
    url: '/swe-rex/:rollout/:verb',
    schema: { ...options.schema, params: sweRexParams },
    handler: async (request, reply) => {
      const { params, query, headers, body } = request;
      const verb = adapters.sweRex.get(params.verb);
      if (verb === undefined) throw new HttpError('unknown_route');
      return await send(
        reply,
        verb({
          body,
          opening: openingOf(params.rollout, headers, { task: query.task }),
          callId: requestIdHeader(headers) ?? null,
          requester: requesterOf(reply),
        }),
      );
    },
  });
}

/** The parser's errors have no code of their own. Until the whole form is read, the request has no body. */
function formError(error: unknown, request: FastifyRequest): unknown {
  const unread = request.isMultipart() && (request.body ?? null) === null;
  if (!unread || codedError(error).code !== 'internal') return error;
  return new HttpError('bad_request', `body: ${errorMessage(error)}`);
}

async function send(reply: FastifyReply, answer: ReturnType<HttpParts['adapters']['runCode']>) {
  const { status, body } = await answer;
  return reply.code(status).send(body);
}
