import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';

export interface GraderReply {
  readonly status: number;
  /** Null if the body is longer than the limit; then the rest is not read. */
  readonly body: string | null;
}

/**
 * One POST. It has no time limit but `signal`: `fetch` gives up when headers take longer than 300 s, and a judge may be
 * configured to take longer. Redirects are not followed. @throws the error of the connection, or of the signal.
 */
export async function postToGrader(
  url: string,
  sent: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly mostBytes: number;
    readonly signal: AbortSignal;
  },
): Promise<GraderReply> {
  const { headers, signal, mostBytes } = sent;
  const body = Buffer.from(sent.body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const send = url.startsWith('https:') ? requestHttps : requestHttp;
    const length = { 'content-length': String(body.length) };
    const request = send(url, { method: 'POST', headers: { ...headers, ...length }, signal }, resolve);
    request.once('error', reject);
    request.end(body);
  });
  const { statusCode: status = 0 } = response;
  if (status >= 300 && status < 400) {
    response.resume();
    throw new Error(`a redirect (${String(status)}), which is not followed`);
  }
  return { status, body: await text(upTo(mostBytes, response)).catch(tooLong) };
}

class TooLong extends Error {
  override readonly name = 'TooLong';
}

/** Leaving the loop early destroys the response, and with it the connection. */
async function* upTo(limit: number, response: IncomingMessage): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > limit) throw new TooLong();
    yield chunk as Uint8Array;
  }
}

function tooLong(error: unknown): null {
  if (error instanceof TooLong) return null;
  throw error;
}
