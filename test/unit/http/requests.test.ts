import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { authorized, testServer, TOKEN, type TestServer } from '../support/http-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const BODY = '{"trace_id":"t","call_id":"c","arguments":{"command":"echo"}}';
const post = (payload: string | Buffer, headers: Record<string, string> = authorized()) =>
  server.app.inject({ method: 'POST', url: '/v1/tools/shell', headers, payload });

describe('the token', () => {
  test.each<[string, string | undefined]>([
    ['none', undefined],
    ['empty', ''],
    ['no scheme', TOKEN],
    ['another scheme', `Basic ${TOKEN}`],
    ['a beginning of it', `Bearer ${TOKEN.slice(0, -1)}`],
    ['more than it', `Bearer ${TOKEN}x`],
    ['two', `Bearer ${TOKEN} ${TOKEN}`],
    ['other case', `Bearer ${TOKEN.toUpperCase()}`],
    ['nothing after the scheme', 'Bearer '],
  ])('%s is a 401', async (_what, authorization) => {
    const reply = await post(BODY, authorization === undefined ? {} : { authorization });
    expect(reply.statusCode).toBe(401);
    expect(reply.headers['www-authenticate']).toBe('Bearer');
    expect(reply.body).not.toContain(TOKEN);
    expect([...server.rollouts.all()]).toEqual([]);
  });

  test('the scheme is read in any case', async () => {
    expect((await post(BODY, { authorization: `bearer ${TOKEN}` })).statusCode).toBe(200);
  });

  test.each([
    ['GET', '/v1/rollouts'],
    ['GET', '/v1/tasks'],
    ['GET', '/v1/tasks/base/tools'],
    ['GET', '/v1/rollouts/r/files?path=/etc/passwd'],
    ['PUT', '/v1/rollouts/r/files?path=/etc/passwd'],
    ['DELETE', '/v1/rollouts/r'],
  ] as const)('%s %s asks for it too', async (method, url) => {
    expect((await server.app.inject({ method, url })).statusCode).toBe(401);
  });
});

describe('the body', () => {
  test.each([
    ['{"a":x}', `Unexpected token 'x', "{"a":x}" is not valid JSON`],
    ['{"a":}', `Unexpected token '}', "{"a":}" is not valid JSON`],
    ['[1,,2]', `Unexpected token ',', "[1,,2]" is not valid JSON`],
    ['[1,]', `Unexpected token ']', "[1,]" is not valid JSON`],
    ['{"a":1', `Expected ',' or '}' after property value in JSON at position 6 (line 1 column 7)`],
    ['{a:1}', `Expected property name or '}' in JSON at position 1 (line 1 column 2)`],
    ['{"a":1}}', 'Unexpected non-whitespace character after JSON at position 7 (line 1 column 8)'],
    ['{"a":"\u0001"}', 'Bad control character in string literal in JSON at position 6 (line 1 column 7)'],
    ['nonsense', `Unexpected token 'o', "nonsense" is not valid JSON`],
    ['   ', 'Unexpected end of JSON input'],
    [
      `{"a":"${'x'.repeat(100)}","b":undefined}`,
      `Unexpected token 'u', ..."xxxx","b":undefined}" is not valid JSON`,
    ],
  ])('invalid JSON is a 400 that names the place: %s', async (text, problem) => {
    const reply = await post(text);
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toEqual({ error: 'bad_json', message: `body: ${problem}` });
  });

  test('no body at all is a 400', async () => {
    expect((await post('')).json()).toMatchObject({ error: 'bad_request' });
  });

  test('more than 1 MB is a 413, and exactly 1 MiB is taken', async () => {
    const padded = (bytes: number) => BODY.padEnd(bytes, ' ');
    expect((await post(padded(2 ** 20 + 1))).json()).toMatchObject({ error: 'too_large' });
    expect((await post(padded(2 ** 20))).statusCode).toBe(200);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'a/b'])(
    'is read as JSON whatever its type says: %s',
    async (type) => {
      expect((await post(BODY, authorized({ 'content-type': type }))).statusCode).toBe(200);
    },
  );

  test('a content type that is none is a 415', async () => {
    const reply = await post(BODY, authorized({ 'content-type': 'json' }));
    expect([reply.statusCode, reply.json()]).toMatchObject([415, { error: 'bad_media_type' }]);
  });

  test('bytes of the arguments that are not UTF-8 are the model’s mistake, and are not replaced in silence', async () => {
    const bytes = Buffer.concat([
      Buffer.from(BODY.slice(0, -3)),
      Buffer.from([0xff, 0xc3]),
      Buffer.from('"}}'),
    ]);
    expect((await post(bytes)).json()).toMatchObject({ output: 'shell: the arguments are not valid UTF-8' });
  });

  test('keys that JavaScript treats specially change nothing', async () => {
    const hostile = BODY.replace(
      '{"trace_id"',
      '{"__proto__":{"trace_id":"x"},"constructor":{"prototype":1},"trace_id"',
    );
    expect((await post(hostile)).headers['x-rollout-id']).toBe('t');
  });
});

describe('the route', () => {
  test.each([
    ['GET', '/nothing'],
    ['GET', '/v1/tools/shell'],
    ['POST', '/v1/nothing'],
    ['POST', '/v1/toolsmith/shell'],
  ] as const)('%s %s is a 404', async (method, url) => {
    const reply = await server.app.inject({ method, url, headers: authorized() });
    expect([reply.statusCode, reply.json()]).toMatchObject([404, { error: 'unknown_route' }]);
  });

  test.each(['%zz', 'x'.repeat(5000)])('a path that is no text, or too long, is a 400', async (name) => {
    const url = `/v1/tools/${name}`;
    const reply = await server.app.inject({ method: 'POST', url, headers: authorized(), payload: '{}' });
    expect([reply.statusCode, reply.json()]).toMatchObject([400, { error: 'bad_request' }]);
  });
});
