import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UPLOAD_BYTES } from '../../../src/http/file-routes.ts';
import type { TransferProblem, Transfers } from '../../../src/tools/transfer.ts';
import { authorized, testServer, TOKEN, type TestServer } from '../support/http-server.ts';

/** Keeps files in memory; `problem`, where set, is what every transfer ends in. */
class MemoryTransfer implements Transfers {
  readonly files = new Map<string, Buffer>();
  problem: TransferProblem | null = null;

  async upload(_opening: unknown, path: string, body: AsyncIterable<Uint8Array>) {
    if (this.problem !== null) return this.problem;
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    this.files.set(path, content);
    return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  }

  download(_id: unknown, path: string) {
    if (this.problem !== null) return Promise.resolve(this.problem);
    return Promise.resolve({ body: Readable.from([this.files.get(path) ?? '']) });
  }
}

let transfer: MemoryTransfer;
let server: TestServer;
beforeEach(async () => {
  transfer = new MemoryTransfer();
  server = await testServer({ transfer });
  await server.app.inject({
    method: 'POST',
    url: '/v1/rollouts',
    headers: authorized(),
    payload: { rollout_id: 'r' },
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const put = (query: string, payload: Buffer, headers: Record<string, string> = {}) =>
  server.app.inject({
    method: 'PUT',
    url: `/v1/rollouts/r/files${query}`,
    headers: authorized(headers),
    payload,
  });
const get = (query: string, rollout = 'r') =>
  server.app.inject({ url: `/v1/rollouts/${rollout}/files${query}`, headers: authorized() });

test.each(['application/octet-stream', 'application/json', 'text/plain; charset=utf-8'])(
  'bytes go in and out unchanged, also as %s',
  async (type) => {
    const bytes = Buffer.from([0, 255, 13, 10, 123]);
    const uploaded = await put('?path=/tmp/a%20b', bytes, { 'content-type': type });
    expect(uploaded.json()).toMatchObject({ path: '/tmp/a b', bytes: 5 });
    const downloaded = await get('?path=/tmp/a%20b');
    expect(downloaded.headers['content-type']).toBe('application/octet-stream');
    expect(downloaded.rawPayload).toEqual(bytes);
  },
);

test('more than the 1 MB of other routes, and an empty file', async () => {
  expect((await put('?path=/big', Buffer.alloc(3 * 2 ** 20))).json()).toMatchObject({ bytes: 3 * 2 ** 20 });
  expect((await put('?path=/empty', Buffer.alloc(0))).json()).toMatchObject({ bytes: 0 });
});

test('a body announced as too large is refused before it is read', async () => {
  const reply = await put('?path=/a', Buffer.from('x'), { 'content-length': String(UPLOAD_BYTES + 1) });
  expect([reply.statusCode, reply.json()]).toMatchObject([413, { error: 'too_large' }]);
});

test(
  'a body that turns out too large is a 413 that the client hears, and leaves no file',
  { timeout: 60_000 },
  async () => {
    const address = await server.app.listen({ host: '127.0.0.1', port: 0 });
    const body = new Blob([new Uint8Array(UPLOAD_BYTES + 2 ** 20)]).stream();
    const reply = await fetch(`${address}/v1/rollouts/r/files?path=/a`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}` },
      body,
      duplex: 'half',
    });
    expect([reply.status, await reply.json()]).toMatchObject([413, { error: 'too_large' }]);
    expect(transfer.files.size).toBe(0);
  },
);

test.each(['', '?path=', '?path=a%00b', `?path=${'x'.repeat(5000)}`])(
  'no path is a 400: %s',
  async (query) => {
    expect((await put(query, Buffer.from('x'))).statusCode).toBe(400);
    expect((await get(query)).statusCode).toBe(400);
  },
);

test('a rollout that is not there is a 404 to read from', async () => {
  expect((await get('?path=/a', 'nope')).json()).toMatchObject({ error: 'unknown_rollout' });
});

test.each([
  [404, 'file_refused'],
  [410, 'rollout_ended'],
  [503, 'unavailable'],
] as const)('a transfer that fails with %d is %s and says why', async (status, error) => {
  transfer.problem = { status, problem: 'told to the caller' };
  for (const reply of [await put('?path=/a', Buffer.from('x')), await get('?path=/a')]) {
    expect([reply.statusCode, reply.json()]).toEqual([status, { error, message: 'told to the caller' }]);
  }
});
