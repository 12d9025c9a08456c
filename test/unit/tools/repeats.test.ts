import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { authorized, testServer, TOKEN, type TestServer } from '../support/http-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const CALL = { call_id: 'call_1', name: 'shell', arguments: '{"command":"echo"}', trace_id: 'trace_1' };
const post = (change: object = {}) =>
  server.app.inject({
    method: 'POST',
    url: '/v1/tools',
    headers: authorized(),
    payload: { ...CALL, ...change },
  });

/** Commands wait at this gate; what it is opened with they print. */
function gate(): (text: string) => void {
  const { promise, resolve } = Promise.withResolvers<string>();
  server.engine.script = () => promise;
  return resolve;
}
const untilRunning = () => vi.waitUntil(() => server.engine.ran.length > 0, { interval: 1 });

test('a call repeated while it runs joins it', async () => {
  const open = gate();
  const first = post();
  await untilRunning();
  const second = post();
  open('once');
  const replies = await Promise.all([first, second]);
  expect(replies.map((reply) => reply.headers['idempotent-replayed'])).toEqual(['false', 'true']);
  expect(replies[0].body).toBe(replies[1].body);
  expect(server.engine.ran).toHaveLength(1);
});

test('a call repeated after its end gets the same bytes, also without an id of its own', async () => {
  server.engine.script = () => Promise.resolve(String(Math.random()));
  const first = await post();
  const second = await post({ arguments: ' { "command" : "echo" } ' });
  expect(second.headers['idempotent-replayed']).toBe('true');
  expect(second.rawPayload.equals(first.rawPayload)).toBe(true);
});

test.each([
  ['other arguments', { arguments: '{"command":"rm"}' }],
  ['another tool', { name: 'python' }],
  ['arguments that are not JSON', { arguments: 'echo' }],
])('the same call id with %s is a 422 and leaves the first call alone', async (_what, change) => {
  const first = await post();
  const conflict = await post(change);
  expect([conflict.statusCode, conflict.json()]).toEqual([
    422,
    { error: 'conflicting_repeat', message: 'This call id was used before with other arguments.' },
  ]);
  expect((await post()).body).toBe(first.body);
  expect(server.engine.ran).toHaveLength(1);
});

test('the same call id in another rollout is another call', async () => {
  await post();
  expect((await post({ trace_id: 'trace_2' })).headers['idempotent-replayed']).toBe('false');
  expect(server.engine.started).toHaveLength(2);
});

test('parallel first calls of a rollout share one sandbox and run in order of arrival', async () => {
  const commands = ['a', 'b', 'c'].map((command) => ({ call_id: command, arguments: { command } }));
  const replies = await Promise.all(commands.map(post));
  expect(replies.map((reply) => reply.json<{ output: string }>().output)).toEqual(['a', 'b', 'c']);
  expect(server.engine.ran.map((work) => work.kind === 'shell' && work.command)).toEqual(['a', 'b', 'c']);
  expect(server.engine.started).toHaveLength(1);
});

test('a client that goes away ends nothing; who repeats the call gets its answer', async () => {
  const open = gate();
  const address = await server.app.listen({ host: '127.0.0.1', port: 0 });
  const leaving = new AbortController();
  const send = (signal: AbortSignal | null) =>
    fetch(`${address}/v1/tools`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(CALL),
      signal,
    });
  const first = send(leaving.signal);
  await untilRunning();
  leaving.abort();
  await expect(first).rejects.toThrow();
  open('still here');
  const second = await send(null);
  expect(await second.json()).toMatchObject({ output: 'still here' });
  expect(server.engine.ran).toHaveLength(1);
});

test.each([
  ['a body that is not JSON', '{"trace_id"', { 'x-rollout-id': 'trace_1' }],
  ['arguments missing', '{"trace_id":"trace_1","call_id":"call_2","name":"shell"}', {}],
  ['a body that is too large', `"${'x'.repeat(2 ** 20)}"`, { 'x-rollout-id': 'trace_1' }],
])(
  '%s: the model saw an error that was not its own, so the rollout is excluded',
  async (_what, payload, more) => {
    await post();
    const headers = authorized({ 'content-type': 'application/json', ...more });
    const refused = await server.app.inject({ method: 'POST', url: '/v1/tools', headers, payload });
    expect([400, 413]).toContain(refused.statusCode);
    expect(server.rollouts.get('trace_1' as never)?.verdict).toMatchObject({
      verdict: 'exclude',
      reasons: ['bad_request'],
      counts: { calls: 2, ok: 1, client: 1 },
    });
  },
);
