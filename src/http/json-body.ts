import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { errorMessage } from '../kernel/errors.ts';
import { BodySplitter, type CutValue, type ModelValue, type SplitBody } from './body-splitter.ts';
import { HttpError } from './errors.ts';
import { modelValue, utf8 } from './model-values.ts';

/** Longest body without the values that the model wrote. */
const REST_BYTES = 2 ** 20;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Values of the body that the model may have written. A mistake in them is not one of the request. */
    readonly modelValues?: readonly ModelValue[];
  }
}

/**
 * Reads every body as JSON, whatever its content type: platforms, trainers and `curl -d` send different ones, and the
 * routes take nothing but JSON. `__proto__` is an ordinary key, as JSON.parse makes it.
 *
 * A body is always read to its end, because a client that is still sending does not see an answer. What is longer than
 * its limit is not kept.
 */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: Readable) => {
    const body = await readBody(payload, request.routeOptions.config.modelValues ?? []);
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding === 'identity') return parseBody(body);
    throw new HttpError('bad_media_type', `headers.content-encoding: ${encoding} is not supported`);
  });
}

/** Small bodies in one piece; larger ones cut up while they arrive. */
interface ReadBody {
  readonly whole: Buffer | null;
  /** Cuts up a whole body that turns out not to be JSON, too. */
  readonly split: () => SplitBody;
}

/** @throws HttpError where the client stops before the end. */
async function readBody(payload: Readable, wanted: readonly ModelValue[]): Promise<ReadBody> {
  const splitter = new BodySplitter(wanted, REST_BYTES);
  let whole: Buffer[] | null = [];
  let bytes = 0;
  try {
    for await (const chunk of payload as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      whole?.push(chunk);
      if (bytes <= REST_BYTES) continue;
      for (const piece of whole ?? [chunk]) splitter.push(piece);
      whole = null;
    }
  } catch (error) {
    throw new HttpError('bad_request', `body: broke off: ${errorMessage(error)}`);
  }
  const pieces = whole;
  const split = (): SplitBody => {
    for (const piece of pieces ?? []) splitter.push(piece);
    return splitter.end();
  };
  return { whole: whole === null ? null : Buffer.concat(whole), split };
}

function parseBody({ whole, split }: ReadBody): unknown {
  if (whole?.length === 0) return undefined;
  try {
    if (whole !== null) return JSON.parse(utf8(whole));
  } catch {
    // Perhaps the mistake is the model's: then the body is well-formed without its values.
  }
  const { text, cut } = split();
  if (text === null) throw new HttpError('too_large');
  return withValues(parseRest(text), cut);
}

/** V8's message names the token and its position, or quotes the ten characters on either side of it. */
function parseRest(text: Buffer): unknown {
  try {
    return JSON.parse(utf8(text));
  } catch (error) {
    throw new HttpError('bad_json', `body: ${errorMessage(error)}`);
  }
}

/** Puts the values back in the places of their marks. Marks stand at most three levels deep. */
function withValues(rest: unknown, cut: ReadonlyMap<string, CutValue>, levels = 3): unknown {
  if (typeof rest === 'string') {
    const value = cut.get(rest);
    return value === undefined ? rest : modelValue(value);
  }
  if (typeof rest !== 'object' || rest === null || levels === 0) return rest;
  for (const [key, value] of Object.entries(rest)) {
    const put = withValues(value, cut, levels - 1);
    if (put !== value) Object.defineProperty(rest, key, { value: put, enumerable: true });
  }
  return rest;
}
