import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { z } from 'zod';
import { nativeAnswerSchema, rolloutViewSchema, verdictSchema } from '../../../src/http/schemas.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

type Method = 'GET' | 'POST' | 'DELETE';
const send = (method: Method, url: string, payload?: object) =>
  server.app.inject({ method, url: `/v1${url}`, headers: authorized(), ...(payload && { payload }) });
const call = (rollout: string, callId: string, command = 'echo') =>
  send('POST', `/rollouts/${rollout}/calls`, { call_id: callId, tool: 'shell', arguments: { command } });
const view = async (rollout: string): Promise<z.output<typeof rolloutViewSchema>> =>
  rolloutViewSchema.strict().parse((await send('GET', `/rollouts/${rollout}`)).json());

describe('opening', () => {
  test('201 the first time, 200 and the same rollout from then on', async () => {
    const first = await send('POST', '/rollouts', { rollout_id: 'r', task: 'minimal' });
    const second = await send('POST', '/rollouts', { rollout_id: 'r' });
    expect([first.statusCode, second.statusCode]).toEqual([201, 200]);
    expect(first.json()).toEqual({ rollout_id: 'r', state: 'opened', task: 'minimal', image: 'minimal' });
    expect(second.json()).toEqual(first.json());
    expect(server.engine.started).toEqual([]);
  });

  test('without an id it makes one', async () => {
    const [first, second] = [await send('POST', '/rollouts', {}), await send('POST', '/rollouts', {})];
    expect(first.json<{ rollout_id: string }>().rollout_id).not.toBe(
      second.json<{ rollout_id: string }>().rollout_id,
    );
  });

  test.each([
    ['an unknown task', { task: 'nope' }, 'unknown_task'],
    ['a field nobody knows', { taks: 'base' }, 'bad_request'],
    ['an empty id', { rollout_id: '' }, 'bad_request'],
  ])('%s is a 400', async (_what, payload, error) => {
    const reply = await send('POST', '/rollouts', payload);
    expect([reply.statusCode, reply.json()]).toMatchObject([400, { error }]);
  });
});

describe('calling', () => {
  test('output, result and judgement', async () => {
    const reply = await call('r', 'c');
    expect(nativeAnswerSchema.strict().parse(reply.json())).toEqual({
      call_id: 'c',
      output: 'echo',
      result: {
        exit_code: 0,
        signal: null,
        stdout: 'echo',
        stderr: '',
        truncated: false,
        notice: null,
        duration_ms: 1,
      },
      outcome: { attribution: 'ok', cause: 'completed' },
    });
  });

  test('a repeated call gets the stored answer, and so does who asks for it', async () => {
    const first = await call('r', 'c');
    const again = await call('r', 'c');
    expect([again.body, again.headers['idempotent-replayed']]).toEqual([first.body, 'true']);
    expect((await send('GET', '/rollouts/r/calls/c')).body).toBe(first.body);
    expect((await call('r', 'c', 'rm')).statusCode).toBe(422);
  });

  test('a 503 tells a trainer whose doing it was', async () => {
    server.engine.startFault = () => new SandboxFault('image_missing', 'no such image');
    const reply = await call('r', 'c');
    expect([reply.statusCode, reply.headers['retry-after']]).toEqual([503, '5']);
    expect(reply.json()).toMatchObject({
      call_id: 'c',
      outcome: { attribution: 'task', cause: 'image_missing' },
    });
  });

  test.each([
    ['body.tool', { arguments: {} }],
    ['body.arguments', { tool: 'shell' }],
    ['body', { tool: 'shell', arguments: {}, timeout: 1 }],
  ])('400 that names %s', async (field, payload) => {
    const reply = await send('POST', '/rollouts/r/calls', payload);
    expect(reply.json()).toMatchObject({
      error: 'bad_request',
      message: expect.stringContaining(field) as string,
    });
  });
});

describe('reading', () => {
  test('state, counts and calls', async () => {
    await call('r', 'c');
    await send('POST', '/rollouts/r/calls', { call_id: 'd', tool: 'nope', arguments: {} });
    expect(await view('r')).toMatchObject({
      state: 'live',
      verdict: 'valid',
      counts: { calls: 2, ok: 1, model: 1 },
      calls: [
        { call_id: 'c', cause: 'completed', status: 200 },
        { call_id: 'd', cause: 'unknown_tool', status: 200 },
      ],
    });
  });

  test('a call that runs is shown without an ending and has no answer yet', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    server.engine.script = () => promise;
    const running = call('r', 'c');
    await vi.waitUntil(() => server.engine.ran.length > 0, { interval: 1 });
    expect(await view('r')).toMatchObject({
      verdict: 'pending',
      calls: [{ cause: null, duration_ms: null }],
    });
    expect((await send('GET', '/rollouts/r/calls/c')).json()).toMatchObject({ error: 'call_running' });
    resolve('');
    await running;
  });

  test.each<[Method, string, string]>([
    ['GET', '/rollouts/nope', 'unknown_rollout'],
    ['GET', '/rollouts/nope/trajectory', 'unknown_rollout'],
    ['GET', '/rollouts/nope/calls/c', 'unknown_rollout'],
    ['DELETE', '/rollouts/nope', 'unknown_rollout'],
    ['GET', '/rollouts/r/calls/nope', 'unknown_call'],
  ])('%s %s is a 404', async (method, url, error) => {
    await send('POST', '/rollouts', { rollout_id: 'r' });
    const reply = await send(method, url);
    expect([reply.statusCode, reply.json()]).toMatchObject([404, { error }]);
  });

  test('the list is latest first, of one state, task or image if asked, and says how many there are', async () => {
    for (const id of ['a', 'b', 'c']) await send('POST', '/rollouts', { rollout_id: id });
    await call('b', '1');
    const ids = async (query: string) => {
      const { rollouts, total } = (await send('GET', `/rollouts${query}`)).json<{
        rollouts: { rollout_id: string }[];
        total: number;
      }>();
      return [rollouts.map((rollout) => rollout.rollout_id).join(''), total];
    };
    expect(await ids('')).toEqual(['cba', 3]);
    expect(await ids('?limit=1')).toEqual(['c', 3]);
    expect(await ids('?state=live')).toEqual(['b', 1]);
    expect(await ids('?state=ended')).toEqual(['', 0]);
    await send('POST', '/rollouts', { rollout_id: 'd', task: 'minimal' });
    expect(await ids('?task=minimal')).toEqual(['d', 1]);
    expect(await ids('?image=base&state=live')).toEqual(['b', 1]);
    expect(await ids('?task=nobody')).toEqual(['', 0]);
  });

  test.each(['?limit=0', '?limit=x', '?limit=1001', '?state=asleep'])(
    'list with %s is a 400',
    async (query) => {
      expect((await send('GET', `/rollouts${query}`)).statusCode).toBe(400);
    },
  );
});

describe('ending', () => {
  test('gives the verdict, removes the sandbox, keeps calls and verdict readable, and may be repeated', async () => {
    await call('r', 'c');
    const ended = await send('DELETE', '/rollouts/r');
    expect(verdictSchema.strict().parse(ended.json())).toMatchObject({
      verdict: 'valid',
      counts: { calls: 1, ok: 1 },
    });
    expect((await send('DELETE', '/rollouts/r')).body).toBe(ended.body);
    expect((await send('GET', '/rollouts/r/verdict')).json()).toMatchObject(ended.json());
    expect((await call('r', 'c')).json()).toMatchObject({ output: 'echo' });
    expect((await call('r', 'd')).statusCode).toBe(410);
    expect(await view('r')).toMatchObject({ state: 'ended', end_reason: 'deleted' });
    await vi.waitUntil(() => server.engine.removed.length === 1, { interval: 1 });
  });
});
