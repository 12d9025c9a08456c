import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rolloutId } from '../../../src/kernel/ids.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

/** A model may call a tool by any name: the call is answered and recorded, and the name breaks nothing that shows it. */

let server: TestServer;
let budget: TestServer;
let lastRollout = 0;
beforeAll(async () => {
  server = await testServer();
  budget = await testServer({ task: { calls: 1 } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await budget[Symbol.asyncDispose]();
});

const newRollout = (): string => `name-${String((lastRollout += 1))}`;
const headers = authorized({ 'content-type': 'application/json' });

async function post(on: TestServer, url: string, payload: object) {
  const reply = await on.app.inject({ method: 'POST', url, payload: JSON.stringify(payload), headers });
  return { status: reply.statusCode, output: reply.json<{ output?: string }>().output };
}

const PATH_SAFE = /^[^?#]+$/;

/** In the path as it is where a request line can hold it, and encoded. */
function urlsOf(name: string): string[] {
  const encoded = name.isWellFormed() ? [`/v1/tools/${encodeURIComponent(name)}`] : [];
  const raw = /^[\x21-\x7e]+$/.test(name) && PATH_SAFE.test(name) ? [`/v1/tools/${name}`] : [];
  // Clients take "." and ".." out of a path, encoded or not.
  return [...encoded, ...raw].filter((url) => new URL(url, 'http://a').pathname === url);
}

async function everywhere(name: unknown): Promise<void> {
  const rollout = newRollout();
  const given = { trace_id: rollout, arguments: {} };
  const answers = [
    await post(server, '/v1/tools', { ...given, name }),
    await post(server, '/v1/tools/shell', { ...given, name }),
    await post(server, `/v1/rollouts/${rollout}/calls`, { tool: name, arguments: {} }),
  ];
  if (typeof name === 'string') for (const url of urlsOf(name)) answers.push(await post(server, url, given));
  for (const answer of answers) {
    expect([answer.status, answer.output]).toEqual([200, expect.stringContaining('There is no tool "')]);
  }
  const verdict = server.rollouts.get(rolloutId(rollout))?.verdict;
  expect(verdict).toMatchObject({
    verdict: 'valid',
    counts: { calls: answers.length, model: answers.length },
  });
  for (const page of ['', '/trajectory', '/verdict']) {
    const view = await server.app.inject({ url: `/v1/rollouts/${rollout}${page}`, headers });
    expect([view.statusCode, view.json()]).toMatchObject([200, {}]);
    expect(/[\p{C}]/u.test(view.json<{ calls?: { tool: string }[] }>().calls?.[0]?.tool ?? '')).toBe(false);
  }
}

const special = fc.constantFrom(
  '', ' ', '.', '..', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'shell ', 'Shell', 'shell/../python', 'a/b/c',
  '%', '%zz', '%00', '%2e%2e', '%ff', '?', '#', '\0', '\n', '\r\nx: y', '"', '\\', '\u202e', '\ud800', '\u2028', '\x1b[2J',
  'x'.repeat(5_000), 'ä'.repeat(20_000), '${1}', '{"name":"shell"}', 'functions.shell',
); // prettier-ignore

test('names of any characters', async () => {
  const tools = new Set([
    'shell',
    'python',
    'code_interpreter',
    'read_file',
    'write_file',
    'list_files',
    'search_files',
  ]);
  const names = fc.oneof(special, fc.string({ unit: 'binary', maxLength: 300 }), fc.string());
  const invented = names.filter((name) => !tools.has(name));
  await fc.assert(fc.asyncProperty(invented, everywhere), { numRuns: 200 });
}, 120_000);

test('names that are no text', async () => {
  const values = fc.jsonValue().filter((value) => typeof value !== 'string' && value !== null);
  await fc.assert(fc.asyncProperty(values, everywhere), { numRuns: 100 });
}, 120_000);

test('they do not become metric labels, whatever ends the call', async () => {
  for (const name of ['shell', 'invented-1', 'invented-2', '__proto__'])
    await post(budget, '/v1/tools', { trace_id: 'r', name, arguments: { command: 'true' } });
  await budget.app.inject({ method: 'DELETE', url: '/v1/rollouts/r', headers });
  await post(budget, '/v1/tools', { trace_id: 'r', name: 'invented-3', arguments: {} });
  for (const one of [server, budget]) {
    const { body } = await one.app.inject({ url: '/metrics' });
    const labels = new Set([...body.matchAll(/tool="([^"]*)"/g)].map(([, tool]) => tool));
    expect(['unknown', 'shell']).toEqual(expect.arrayContaining([...labels]));
  }
  expect((await budget.app.inject({ url: '/metrics' })).body).toContain('cause="call_budget"} 4');
});

test('a name of 100,000 characters is recorded short', async () => {
  await post(server, '/v1/tools', { trace_id: 'long', name: 'n'.repeat(100_000), arguments: {} });
  const [call] = server.rollouts.get(rolloutId('long'))?.calls.values() ?? [];
  expect(call?.tool).toHaveLength(128);
});

test('the summary of a trajectory counts names that JavaScript treats specially', async () => {
  for (const name of ['__proto__', 'toString', 'toString'])
    await post(server, '/v1/tools', { trace_id: 'special', name, arguments: {} });
  const view = await server.app.inject({ url: '/v1/rollouts/special/trajectory', headers });
  expect(view.body).toContain('"tools":{"__proto__":1,"toString":2}');
});
