import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { rolloutId } from '../../../src/kernel/ids.ts';
import type { Work } from '../../../src/protocol/messages.ts';
import type { Task } from '../../../src/policy/schema.ts';
import { authorized, testServer, type Past, type TestServer } from '../support/http-server.ts';

/** Clients that begin to count their call ids anew, each turn or now and then. */

let server: TestServer;
const open = async (call_ids: Task['call_ids'], past?: Past): Promise<void> => {
  server = await testServer({ task: { call_ids }, ...(past && { past }) });
};
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly output: string | undefined;
  readonly id: string | undefined;
  readonly stored: string | undefined;
}

/** Prints its own command, so the output says which arguments the answer belongs to. */
async function call(id: string, command: string, trace_id = 'r'): Promise<Answer> {
  const payload = { trace_id, call_id: id, arguments: { command } };
  const reply = await server.app.inject({
    ...{ method: 'POST', url: '/v1/tools/shell', payload },
    headers: authorized({ 'x-job-id': 'job-7' }),
  });
  const { output, call_id } = reply.json<{ output?: string; call_id?: string }>();
  return {
    status: reply.statusCode,
    output,
    id: call_id,
    stored: reply.headers['idempotent-replayed'] as string,
  };
}

const commandOf = (work: Work): string => (work.kind === 'shell' ? work.command : work.kind);
const ran = () => server.engine.ran.map(commandOf);
const warnings = () => server.logged.filter(({ message }) => message === 'a client uses call ids again');
const verdict = () => server.rollouts.get(rolloutId('r'))?.verdict;
const connections = () => promisify(server.app.server.getConnections.bind(server.app.server))();
async function metrics(): Promise<string> {
  return (await server.app.inject({ url: '/metrics' })).body;
}

describe('unique, the default', () => {
  beforeEach(() => open(undefined));

  test('a retry is no sign of anything', async () => {
    await call('a', 'one');
    await call('a', 'one');
    expect(warnings()).toEqual([]);
    expect(await metrics()).toContain('faultline_alarm{alarm="call_ids_reused"} 0');
  });

  test('the same arguments after a later call: the stored answer, and the operator is told once per job', async () => {
    await call('a', 'one');
    await call('b', 'two');
    expect(await call('a', 'one')).toMatchObject({ output: 'one', stored: 'true' });
    await call('a', 'one');
    await call('a', 'one', 'r');
    expect(ran()).toEqual(['one', 'two']);
    expect(warnings()).toEqual([
      expect.objectContaining({ job: 'job-7', rollout: 'r', call: 'a', sign: 'same_arguments' }),
    ]);
    expect(String(warnings()[0]?.['fix'])).toContain('call_ids: per_turn');
    expect(await metrics()).toContain('faultline_alarm{alarm="call_ids_reused"} 1');
    expect(await metrics()).toContain('faultline_call_ids_reused_total{sign="same_arguments"} 3');
  });

  test('other arguments: 422, an excluded rollout, and the operator is told', async () => {
    await call('functions.shell:0', 'one');
    await call('functions.shell:1', 'two');
    expect((await call('functions.shell:0', 'three')).status).toBe(422);
    expect(verdict()).toMatchObject({ verdict: 'exclude', reasons: ['conflicting_repeat'] });
    expect(warnings()).toEqual([expect.objectContaining({ sign: 'other_arguments' })]);
    expect(await metrics()).toContain('faultline_alarm{alarm="call_ids_reused"} 1');
  });
});

describe('per turn', () => {
  beforeEach(() => open('per_turn'));

  test('ids that begin anew each turn are new calls, with their own answers, and nobody is alarmed', async () => {
    for (const turn of ['1', '2', '3'])
      for (const id of ['0', '1'])
        expect(await call(`shell:${id}`, `${turn}-${id}`)).toEqual({
          status: 200,
          output: `${turn}-${id}`,
          id: `shell:${id}`,
          stored: 'false',
        });
    expect(ran()).toEqual(['1-0', '1-1', '2-0', '2-1', '3-0', '3-1']);
    expect(verdict()).toMatchObject({ verdict: 'valid', counts: { calls: 6, ok: 6 } });
    expect(warnings()).toEqual([]);
  });

  test('the same arguments again in a later turn run again', async () => {
    for (const [id, command] of [['0', 'ls'], ['1', 'touch'], ['0', 'ls']] as const) await call(id, command); // prettier-ignore
    expect(ran()).toEqual(['ls', 'touch', 'ls']);
  });

  test('turns of one call with the same id and other arguments each', async () => {
    for (const command of ['one', 'two', 'three']) expect((await call('0', command)).output).toBe(command);
    expect(verdict()).toMatchObject({ verdict: 'valid', counts: { calls: 3 } });
  });

  test('the same call at once after its answer may be a late retry: the stored answer, and the operator is told', async () => {
    await call('0', 'ls');
    expect(await call('0', 'ls')).toMatchObject({ output: 'ls', stored: 'true' });
    expect(ran()).toEqual(['ls']);
    expect(warnings()).toEqual([expect.objectContaining({ sign: 'undecided' })]);
  });

  test('a retry whose answer did not arrive joins its call, also after a later call has begun', async () => {
    const printed = Promise.withResolvers<string>();
    server.engine.script = (work) =>
      commandOf(work) === 'slow' ? printed.promise : Promise.resolve(commandOf(work));
    const address = await server.app.listen({ host: '127.0.0.1', port: 0 });
    const gone = new AbortController();
    const body = JSON.stringify({ trace_id: 'r', call_id: '0', arguments: { command: 'slow' } });
    const lost = fetch(`${address}/v1/tools/shell`, {
      method: 'POST',
      headers: authorized({ 'x-job-id': 'job-7' }),
      body,
      signal: gone.signal,
    });
    await vi.waitUntil(() => ran().length === 1, { interval: 1 });
    gone.abort();
    await expect(lost).rejects.toThrow();
    await vi.waitUntil(async () => (await connections()) === 0, { interval: 1 }); // The server knows it too.
    const later = call('1', 'later');
    const again = call('0', 'slow');
    printed.resolve('slow');
    expect([(await again).output, (await later).output]).toEqual(['slow', 'later']);
    expect((await call('0', 'other')).status).toBe(200); // Its answer has arrived by now, and it went on: a new call.
    expect(ran()).toEqual(['slow', 'later', 'other']);
  });

  test('other arguments while the first call has no answer yet: 422, and the operator is told', async () => {
    const printed = Promise.withResolvers<string>();
    server.engine.script = () => printed.promise;
    const first = call('0', 'slow');
    await vi.waitUntil(() => ran().length === 1, { interval: 1 });
    expect((await call('0', 'other')).status).toBe(422);
    printed.resolve('x');
    await first;
    expect(warnings()).toEqual([expect.objectContaining({ sign: 'other_arguments' })]);
  });

  test('journal, page and trajectory tell the calls of one id apart', async () => {
    for (const id of ['0', '1', '0', '0#2']) await call(id, `${id} ${String(ran().length)}`);
    const url = '/v1/rollouts/r/trajectory';
    const { calls } = (await server.app.inject({ url, headers: authorized() })).json<{
      calls: { call_id: string; output: string }[];
    }>();
    expect(calls.map(({ call_id, output }) => [call_id, output])).toEqual([['0', '0 0'], ['1', '1 1'], ['0#2', '0 2'], ['0#2#2', '0#2 3']]); // prettier-ignore
    const answer = await server.app.inject({ url: '/v1/rollouts/r/calls/0%232', headers: authorized() });
    expect(answer.json()).toMatchObject({ call_id: '0', output: '0 2' });
    const fields = [];
    for await (const { event } of server.journal.events())
      if (event.type === 'call_finished') fields.push([event.call, event.clientCall, event.occurrence]);
    expect(fields).toEqual([['0', undefined, undefined], ['1', undefined, undefined], ['0#2', '0', 2], ['0#2#2', '0#2', 1]]); // prettier-ignore
  });

  test('a restart knows what was delivered, and which id stands for which call', async () => {
    for (const [id, command] of [['0', 'a'], ['1', 'b'], ['0', 'c']] as const) await call(id, command); // prettier-ignore
    await server.journal.flush();
    const before = server;
    const sandboxes = before.engine.started.map(({ handle }) => handle);
    await open('per_turn', { dataDir: before.dataDir, sandboxes });
    expect(await call('0', 'c')).toMatchObject({ output: 'c', stored: 'true' }); // Nothing has begun since: a late retry.
    expect(await call('1', 'b')).toMatchObject({ output: 'b', stored: 'false' });
    expect(await call('0', 'c')).toMatchObject({ output: 'c', stored: 'false' });
    expect(verdict()).toMatchObject({ counts: { calls: 5 } });
    await before[Symbol.asyncDispose]();
  });
});
