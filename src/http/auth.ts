import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { onRequestHookHandler } from 'fastify';
import { HttpError } from './errors.ts';

const BEARER = /^bearer +(\S+) *$/i;
const BASIC = /^basic +(\S+) *$/i;

/** Reads the token of a request; undefined where there is none. */
export type TokenPlace = (headers: IncomingHttpHeaders) => string | undefined;

export const bearer: TokenPlace = ({ authorization = '' }) => BEARER.exec(authorization)?.[1];

/**
 * Also accepts `X-API-Key`, and the password of a URL such as `http://any:TOKEN@host/run_code`, for clients of other
 * projects that can't send a bearer token.
 */
export const anywhere: TokenPlace = (headers) => {
  const apiKey = headers['x-api-key'];
  return bearer(headers) ?? (typeof apiKey === 'string' ? apiKey : undefined) ?? password(headers);
};

function password({ authorization = '' }: IncomingHttpHeaders): string | undefined {
  const pair = Buffer.from(BASIC.exec(authorization)?.[1] ?? '', 'base64').toString();
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : undefined;
}

/** Refuses requests without the token. Compares digests, so that the time depends on neither length nor content. */
export function requireToken(token: string, place: TokenPlace = bearer): onRequestHookHandler {
  const expected = digest(token);
  return (request, _reply, done) => {
    const given = place(request.headers) ?? '';
    const right = timingSafeEqual(digest(given), expected);
    done(right ? undefined : new HttpError('unauthorized'));
  };
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
