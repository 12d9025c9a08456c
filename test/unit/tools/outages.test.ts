import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UNAVAILABLE_TEXT } from '../../../src/outcome/render.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const CALL = { call_id: 'call_1', arguments: '{"command":"echo"}', trace_id: 'trace_1' };
const post = (payload: object) =>
  server.app.inject({ method: 'POST', url: '/v1/tools/shell', headers: authorized(), payload });

describe('when it is not the model', () => {
  const faults = ['engine_down', 'engine_error', 'image_missing'] as const;

  test('a 503 is the same bytes whatever the cause, has no output, and says when to come again', async () => {
    const bodies = new Set<string>();
    for (const code of faults) {
      server.engine.script = () => Promise.reject(new SandboxFault(code, `secret of ${code}`));
      const reply = await post({ ...CALL, trace_id: code });
      expect([reply.statusCode, reply.headers['retry-after']]).toEqual([503, '5']);
      bodies.add(reply.body);
    }
    expect([...bodies]).toEqual([JSON.stringify({ error: 'unavailable', message: UNAVAILABLE_TEXT })]);
  });

  test('a rollout lost to infrastructure answers 503 at once ever after', async () => {
    await using server = await testServer({ policy: { recovery: 'none' } });
    const post = (payload: object) =>
      server.app.inject({ method: 'POST', url: '/v1/tools/shell', headers: authorized(), payload });
    server.engine.script = () => Promise.reject(new SandboxFault('lost', 'gone', { executed: 'yes' }));
    await post(CALL);
    expect((await post({ ...CALL, call_id: 'call_2' })).statusCode).toBe(503);
    expect(server.engine.ran).toHaveLength(1);
  });

  test('sandboxes that keep being lost are rebuilt five times, no more', async () => {
    server.engine.script = () => Promise.reject(new SandboxFault('lost', 'gone'));
    expect((await post(CALL)).statusCode).toBe(503);
    expect(server.engine.started).toHaveLength(6);
  });

  test('after the end 410, without output', async () => {
    await post(CALL);
    await server.app.inject({ method: 'DELETE', url: '/v1/rollouts/trace_1', headers: authorized() });
    const reply = await post({ ...CALL, call_id: 'call_2' });
    expect([reply.statusCode, reply.json()]).toEqual([
      410,
      { error: 'rollout_ended', message: 'This rollout has ended.' },
    ]);
  });

  test('a bug of ours is a 500 that tells nothing, logged once with the id of the request', async () => {
    server.engine.script = () => Promise.reject(new TypeError('undefined is not a function'));
    const reply = await post(CALL);
    expect([reply.statusCode, reply.json()]).toEqual([
      500,
      {
        error: 'internal',
        message: 'Internal error. The server log has the details under the id in the x-request-id header.',
      },
    ]);
    expect(server.logged).toHaveLength(1);
    expect(server.logged[0]).toMatchObject({
      message: 'request failed',
      request: reply.headers['x-request-id'],
    });
  });

  test('what ends as it should leaves no line of the request in the log', async () => {
    await post(CALL);
    await post({ arguments: {} });
    expect(server.logged).toEqual([]);
  });
});
