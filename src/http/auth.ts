import { hash, timingSafeEqual } from 'node:crypto';
import type { onRequestHookHandler } from 'fastify';
import { HttpError } from './errors.ts';

const BEARER = /^bearer +(\S+) *$/i;

/** Lets only requests with the bearer token through. Digests are compared, so neither length nor content shows in the time. */
export function requireToken(token: string): onRequestHookHandler {
  const expected = digest(token);
  return (request, _reply, done) => {
    const given = BEARER.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const right = timingSafeEqual(digest(given), expected);
    done(right ? undefined : new HttpError('unauthorized'));
  };
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
