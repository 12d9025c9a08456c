import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toolAnswerSchema } from '../../../src/http/schemas.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const CALL = {
  type: 'function_call',
  id: 'fc_1',
  call_id: 'call_1',
  name: 'shell',
  arguments: '{"command":"echo"}',
  trace_id: 'trace_1',
};

const post = (payload: object, url = '/v1/tools/shell', headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'POST', url, headers: authorized(headers), payload });
const refusal = async (payload: object, url?: string, headers?: Record<string, string>) => {
  const { statusCode, body } = await post(payload, url, headers);
  return [statusCode, (JSON.parse(body) as { message: string }).message];
};
const without = (...fields: (keyof typeof CALL)[]) =>
  Object.fromEntries(Object.entries(CALL).filter(([field]) => !fields.includes(field as keyof typeof CALL)));

describe('what is answered with output', () => {
  test('a call in the exact form of the platform', async () => {
    const reply = await post(CALL);
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toEqual({
      type: 'function_call_output',
      id: 'fc_1',
      call_id: 'call_1',
      output: 'echo',
    });
    expect(toolAnswerSchema.strict().parse(reply.json())).toBeTruthy();
    expect(reply.headers).toMatchObject({
      'x-rollout-id': 'trace_1',
      'idempotent-replayed': 'false',
      'x-faultline-replayed': 'false', // Its name in 0.1.0.
    });
    expect(reply.headers).not.toHaveProperty('x-faultline-idempotent');
  });

  test('arguments as an object, the name in the body, fields nobody knows', async () => {
    const call = { ...CALL, arguments: { command: 'echo' }, item: { id: 7 }, status: 'completed' };
    expect((await post(call, '/v1/tools')).json()).toMatchObject({ output: 'echo' });
  });

  test('plain arguments with ids in headers', async () => {
    const headers = { 'x-rollout-id': 'r', 'idempotency-key': 'k' };
    const reply = await post({ arguments: '{"command":"echo"}' }, '/v1/tools/shell', headers);
    expect(reply.json()).toMatchObject({ id: 'fc_k', call_id: 'k', output: 'echo' });
  });

  test('nulls where a sender writes every field', async () => {
    const call = { ...CALL, id: null, call_id: null, name: null, item: null, type: null };
    expect((await post(call)).statusCode).toBe(200);
  });

  test("the body's ids come before the headers'", async () => {
    const reply = await post(CALL, '/v1/tools/shell', {
      'x-rollout-id': 'other',
      'idempotency-key': 'other',
    });
    expect(reply.headers['x-rollout-id']).toBe('trace_1');
    expect(reply.json()).toMatchObject({ call_id: 'call_1' });
  });

  test('a rollout id that no header can carry is percent-encoded there', async () => {
    expect((await post({ ...CALL, trace_id: 'роллаут 1' })).headers['x-rollout-id']).toBe(
      encodeURIComponent('роллаут 1'),
    );
  });

  test.each([
    ['an unknown tool', { ...CALL, name: 'teleport' }, 'There is no tool "teleport"'],
    ['arguments that are not JSON', { ...CALL, arguments: '{"command":' }, 'not valid JSON'],
    [
      'JSON in JSON in JSON',
      { ...CALL, arguments: JSON.stringify(JSON.stringify({ command: 'a' })) },
      'invalid arguments',
    ],
    ['a missing argument', { ...CALL, arguments: '{}' }, 'command'],
    ['an argument of another type', { ...CALL, arguments: { command: 7 } }, 'command'],
  ])("the model's fault stays a 200: %s", async (_what, call, told) => {
    const reply = await post(call, '/v1/tools');
    expect(reply.statusCode).toBe(200);
    expect(reply.json<{ output: string }>().output).toContain(told);
    expect(server.engine.ran).toEqual([]);
  });
});

describe('who and how often', () => {
  test('without call id and key every request is a call of its own, and the answer says so', async () => {
    const first = await post(without('call_id'));
    const second = await post(without('call_id'));
    expect(first.headers['x-faultline-idempotent']).toBe('false');
    expect(second.headers['idempotent-replayed']).toBe('false');
    expect(first.json<{ call_id: string }>().call_id).not.toBe(second.json<{ call_id: string }>().call_id);
    expect(server.engine.ran).toHaveLength(2);
  });

  test('task and job by header or query, of the first request only', async () => {
    await post(CALL, '/v1/tools/shell?task=minimal', { 'x-job-id': 'job-7' });
    await post({ ...CALL, call_id: 'call_2' }, '/v1/tools/shell', { 'x-task': 'base' });
    const [rollout] = server.rollouts.all();
    expect([rollout?.task.name, rollout?.job]).toEqual(['minimal', 'job-7']);
  });
});

describe('what the caller got wrong', () => {
  test.each<[string, object, string?, Record<string, string>?, string?]>([
    ['body.trace_id', without('trace_id')],
    ['body.trace_id', { ...CALL, trace_id: '' }],
    ['body.trace_id', { ...CALL, trace_id: 'a\u0000b' }],
    ['body.trace_id', { ...CALL, trace_id: 'x'.repeat(257) }],
    ['body.trace_id', { ...CALL, trace_id: 7 }],
    ['body.call_id', { ...CALL, call_id: 'a\nb' }],
    ['body.call_id', { ...CALL, call_id: { id: 1 } }],
    ['body.type', { ...CALL, type: 'function_call_output' }],
    ['body.arguments', without('arguments')],
    ['body.name', without('name'), '/v1/tools'],
    ['body.name', { ...CALL, name: 'python' }, '/v1/tools/shell'],
    ['body', []],
    ['headers.x-rollout-id', without('trace_id'), '/v1/tools/shell', { 'x-rollout-id': 'x'.repeat(257) }],
    [
      'headers.idempotency-key',
      without('call_id'),
      '/v1/tools/shell',
      { 'idempotency-key': 'x'.repeat(257) },
    ],
    ['querystring.task', CALL, '/v1/tools/shell?task='],
    ['there is no task "nope"', CALL, '/v1/tools/shell?task=nope'],
    ['there is no task "nope"', CALL, '/v1/tools/shell', { 'x-task': 'nope' }],
  ])('400 that names %s', async (field, payload, url, headers) => {
    const [status, message] = await refusal(payload, url, headers);
    expect([status, message]).toEqual([400, expect.stringContaining(field)]);
    expect([...server.rollouts.all()]).toEqual([]);
  });

  test('two tool names are both told', async () => {
    const [, message] = await refusal({ ...CALL, name: 'python' });
    expect(message).toContain('"python"');
    expect(message).toContain('"shell"');
  });
});
