import type { FastifyInstance } from 'fastify';
import { errorMessage } from '../kernel/errors.ts';
import { HttpError } from './errors.ts';

/**
 * Reads every body as JSON, whatever its content type: platforms, trainers and `curl -d` send different ones, and the
 * routes take nothing but JSON. `__proto__` is an ordinary key, as JSON.parse makes it.
 */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseBody(body as string));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** V8's message names the token and its position, or quotes the ten characters on either side of it. */
function parseBody(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpError('bad_json', `body: ${errorMessage(error)}`);
  }
}
