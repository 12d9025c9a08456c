import { request } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { rolloutId } from '../../../src/kernel/ids.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

/**
 * On a real connection: a body of any size is read to its end, so its client sees an answer, and a call is recorded for
 * the rollout that the body, the URL or a header names. The server keeps no more of it than it needs.
 */

const MIB = 2 ** 20;
let server: TestServer;
let port: number;
beforeAll(async () => {
  server = await testServer();
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = server.app.server.address() as AddressInfo);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Sends the pieces one after the other, as the connection takes them, and reads the answer. */
async function send(
  path: string,
  pieces: Iterable<string>,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const outgoing = request({ port, path, method: 'POST', headers: authorized(headers) }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
    });
  });
  outgoing.on('error', reject);
  for (const piece of pieces)
    if (!outgoing.write(piece)) await new Promise((drained) => outgoing.once('drain', drained));
  outgoing.end();
  return await promise;
}

function* long(before: string, piece: string, mebibytes: number, after: string): Generator<string> {
  yield before;
  const block = piece.repeat(Math.ceil(MIB / piece.length));
  for (let sent = 0; sent < mebibytes; sent += 1) yield block;
  yield after;
}

const verdictOf = (rollout: string) => server.rollouts.get(rolloutId(rollout))?.verdict;
const oneOfTheModel = { verdict: 'valid', reasons: [], counts: { calls: 1, model: 1, pending: 0 } };

describe('arguments above the limit', () => {
  test.each([
    ['before the ids', '{"arguments":{"command":"', 'x', '"},"call_id":"c","trace_id":"ROLLOUT"}'],
    ['after the ids', '{"trace_id":"ROLLOUT","call_id":"c","arguments":{"command":"', 'x', '"}}'],
    ['as a string', '{"arguments":"', 'x', '","call_id":"c","trace_id":"ROLLOUT"}'],
    ['of brackets', '{"arguments":', '[', ',"call_id":"c","trace_id":"ROLLOUT"}'],
    ['with quotes that are escaped', '{"arguments":"', '\\"}],', '","call_id":"c","trace_id":"ROLLOUT"}'],
    ['of items', '{"arguments":[0', ',{"a":1}', '],"call_id":"c","trace_id":"ROLLOUT"}'],
  ])('%s', async (what, before, piece, after) => {
    const rollout = `platform ${what}`;
    const closing = piece === '[' ? ']'.repeat(8 * MIB) + after : after;
    const reply = await send(
      '/v1/tools/shell',
      long(before.replace('ROLLOUT', rollout), piece, 8, closing.replace('ROLLOUT', rollout)),
    );
    expect(reply).toMatchObject({
      status: 200,
      body: {
        call_id: 'c',
        output: expect.stringMatching(
          /^shell: the arguments are \d+ bytes long; at most 1048576 are read$/,
        ) as string,
      },
    });
    expect(verdictOf(rollout)).toMatchObject(oneOfTheModel);
  });

  test('in the native form, where the URL names the rollout', async () => {
    const reply = await send(
      '/v1/rollouts/native/calls',
      long('{"arguments":"', 'x', 8, '","tool":"shell","call_id":"c"}'),
    );
    expect(reply).toMatchObject({ status: 200, body: { call_id: 'c', outcome: { cause: 'bad_arguments' } } });
    expect(verdictOf('native')).toMatchObject(oneOfTheModel);
  });

  test('over MCP', async () => {
    const headers = {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'x-rollout-id': 'mcp',
    };
    const before = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"command":"';
    const { promise, resolve } = Promise.withResolvers<string>();
    const outgoing = request(
      { port, path: '/mcp', method: 'POST', headers: authorized(headers) },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => {
          resolve(text);
        });
      },
    );
    for (const piece of long(before, 'x', 8, '"},"name":"shell"}}')) outgoing.write(piece);
    outgoing.end();
    expect(await promise).toContain('at most 1048576 are read');
    expect(verdictOf('mcp')).toMatchObject(oneOfTheModel);
  });

  test('a repeated request gets the stored answer, another body with the same id the conflict', async () => {
    const body = (text: string) => long('{"trace_id":"again","call_id":"c","arguments":"', text, 3, '"}');
    const [first, second, other] = [
      await send('/v1/tools/shell', body('x')),
      await send('/v1/tools/shell', body('x')),
      await send('/v1/tools/shell', body('y')),
    ];
    expect(second).toEqual(first);
    expect(other.status).toBe(422);
  });
});

test('a large dataset row beside a good call: the call runs', async () => {
  const reply = await send(
    '/v1/tools/shell',
    long('{"item":{"text":"', 'x', 8, '"},"trace_id":"row","arguments":{"command":"true"}}'),
  );
  expect(reply).toMatchObject({ status: 200, body: { output: 'true' } });
  expect(verdictOf('row')).toMatchObject({ verdict: 'valid', counts: { calls: 1, ok: 1 } });
});

test('a row too large to choose the task is refused in words; not where the task is named or the rollout is open', async () => {
  const body = () =>
    long('{"item":{"text":"', 'x', 20, '"},"trace_id":"huge row","arguments":{"command":"true"}}');
  const refused = await send('/v1/tools/shell', body());
  expect(refused).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining('body.item: is 20') as string },
  });
  expect(verdictOf('huge row')).toBeUndefined();
  expect((await send('/v1/tools/shell?task=base', body())).status).toBe(200);
  expect((await send('/v1/tools/shell', body())).status).toBe(200);
});

test('a large envelope is the client’s, and the client sees the answer', async () => {
  const reply = await send(
    '/v1/tools/shell',
    long('{"trace_id":"envelope","arguments":{},"more":"', 'x', 40, '"}'),
  );
  expect(reply).toMatchObject({ status: 413, body: { error: 'too_large' } });
});

/** As a client that reads nothing before it has written everything. */
async function writeThenRead(path: string, headers: Record<string, string>, bytes: number): Promise<string> {
  const socket = connect(port);
  let got = '';
  socket.on('data', (data: Buffer) => (got += data.toString()));
  const failed = new Promise((_resolve, reject) => socket.once('error', reject));
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: a\r\n${lines.join('')}Content-Length: ${String(bytes)}\r\n\r\n`,
  );
  socket.pause();
  for (let left = bytes; left > 0; left -= MIB)
    if (!socket.write(Buffer.alloc(Math.min(MIB, left), 'x')))
      await Promise.race([failed, new Promise((drained) => socket.once('drain', drained))]);
  socket.resume();
  await vi.waitUntil(() => got.includes('\r\n\r\n'), { interval: 5 });
  socket.destroy();
  return got.slice(0, 'HTTP/1.1 000'.length);
}

test.each([
  ['no token', 401, '/v1/tools/shell', { authorization: 'none' }],
  ['a malformed content type', 415, '/v1/tools/shell', { 'content-type': 'a;;;' }],
  ['a content encoding', 415, '/v1/tools/shell', { 'content-encoding': 'gzip' }],
  ['no JSON', 413, '/v1/tools/shell', {}],
  ['a route that does not exist', 413, '/v1/nothing', {}],
])('%s with a large body: the client sees the %d', async (_what, status, path, headers) => {
  const all = authorized({ 'content-type': 'application/json', ...headers });
  expect(await writeThenRead(path, all, 16 * MIB)).toBe(`HTTP/1.1 ${String(status)}`);
});

test('200 MiB are read without being kept', async () => {
  const before = process.memoryUsage.rss();
  const reply = await send('/v1/tools/shell', long('{"trace_id":"flood","arguments":"', 'x', 200, '"}'));
  expect(reply.status).toBe(200);
  expect(verdictOf('flood')).toMatchObject(oneOfTheModel);
  expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MIB);
}, 60_000);
