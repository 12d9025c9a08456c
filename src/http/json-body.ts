import type { FastifyInstance } from 'fastify';
import { errorMessage } from '../kernel/errors.ts';
import { HttpError } from './errors.ts';

/**
 * Reads every body as JSON, whatever its content type says or doesn't: platforms and people with curl differ
 * there, and the routes take nothing else. `__proto__` is an ordinary key, as JSON.parse makes it.
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

function parseBody(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpError('bad_json', `body: ${jsonProblem(text, errorMessage(error))}`);
  }
}

/** What is wrong and at which character. The body itself isn't quoted. */
function jsonProblem(text: string, message: string): string {
  const told = /^(.*?)(?: in JSON)? at position (\d+)/.exec(message);
  if (told !== null) return `${told[1] ?? ''} at position ${told[2] ?? ''}`;
  return `Unexpected ${text.trim() === '' ? 'end' : 'token'} at position ${String(unexpectedToken(text))}`;
}

const TOKEN = /[ \t\n\r]*([{}[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|true|false|null)/y;
const CLOSERS = new Set(['}', ']', ',', ':']);

/**
 * Where JSON.parse met a token that can't begin a value. Of its errors this is the one that comes without a
 * position; the others never get here, so the grammar need not be known beyond this.
 */
function unexpectedToken(text: string): number {
  TOKEN.lastIndex = 0;
  let before = ',';
  for (;;) {
    const start = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) return start + (/^[ \t\n\r]*/.exec(text.slice(start))?.[0].length ?? 0);
    const wantsValue = before === ':' || before === ',' || (before === '[' && token !== ']');
    if (wantsValue && CLOSERS.has(token)) return TOKEN.lastIndex - token.length;
    before = token;
  }
}
