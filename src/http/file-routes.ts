import { Readable } from 'node:stream';
import { HttpError, type HttpErrorCode } from './errors.ts';
import type { TransferProblem } from '../tools/transfer.ts';
import { absentRollout } from './held-rollout.ts';
import type { App, HttpParts } from './parts.ts';
import { jobHeader, openingOf } from './request-ids.ts';
import { errorSchema, filePathSchema, rolloutParamsSchema, uploadedSchema } from './schemas.ts';

export const UPLOAD_BYTES = 100 * 2 ** 20;

const common = { tags: ['files'], params: rolloutParamsSchema, querystring: filePathSchema };
const failures = { '4xx': errorSchema, '5xx': errorSchema };

/** Writes and reads files of a rollout's sandbox, as raw bytes. Needs a Fastify scope of its own: bodies are streams here. */
export function fileRoutes(app: App, parts: HttpParts): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    done(null, payload);
  });
  uploadRoute(app, parts);
  downloadRoute(app, parts);
}

function uploadRoute(app: App, { transfer }: HttpParts): void {
  app.put(
    '/rollouts/:rollout/files',
    {
      schema: {
        ...common,
        summary: 'Write a file; opens the rollout if it is new',
        response: { 200: uploadedSchema, ...failures },
      },
    },
    async ({ params, query, headers, body }, reply) => {
      if (Number(headers['content-length'] ?? 0) > UPLOAD_BYTES) throw new HttpError('too_large');
      const source = body instanceof Readable ? body : Readable.from([]);
      const opening = openingOf(params.rollout, headers, {});
      try {
        const uploaded = await transfer.upload(opening, query.path, upTo(UPLOAD_BYTES, source));
        if ('problem' in uploaded) throw refused(uploaded);
        return await reply.code(200).send({ path: query.path, ...uploaded });
      } finally {
        source.resume(); // Discards the unread rest; otherwise the client would wait for ever to send it.
      }
    },
  );
}

/** The chunks of a body. @throws HttpError `too_large` at the first byte past the limit. */
async function* upTo(limit: number, body: Readable): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  // Destroying the stream at the limit would close the connection before the reply is sent.
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > limit) throw new HttpError('too_large');
    yield chunk as Uint8Array;
  }
}

function downloadRoute(app: App, { transfer, rollouts, log }: HttpParts): void {
  app.get(
    '/rollouts/:rollout/files',
    { schema: { ...common, summary: 'Read a file, as raw bytes', response: failures } },
    async ({ params, query, headers }, reply) => {
      const job = jobHeader(headers);
      if (rollouts.get(params.rollout, job) === undefined)
        throw absentRollout(rollouts.standing(params.rollout, job), job);
      const found = await transfer.download({ id: params.rollout, job }, query.path);
      if ('problem' in found) throw refused(found);
      found.body.once('error', (error) => {
        log.warn({ rollout: params.rollout, err: error }, 'download broke off');
      });
      return reply.type('application/octet-stream').send(found.body as never);
    },
  );
}

const refusals = {
  404: 'file_refused',
  410: 'rollout_ended',
  503: 'unavailable',
} as const satisfies Record<TransferProblem['status'], HttpErrorCode>;

function refused({ problem, status }: TransferProblem): HttpError {
  return new HttpError(refusals[status], problem);
}
