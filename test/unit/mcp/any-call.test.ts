import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rolloutId } from '../../../src/kernel/ids.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

/** Whatever a model writes as name and arguments of an MCP call is a tool result and a recorded call. */

let server: TestServer;
let url: string;
let lastRollout = 0;
beforeAll(async () => {
  server = await testServer();
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${String((server.app.server.address() as AddressInfo).port)}/mcp`;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const newRollout = (): string => `mcp-any-${String((lastRollout += 1))}`;

interface Message {
  readonly error?: { readonly code: number };
  readonly result?: { readonly isError: boolean; readonly content: readonly { readonly text: string }[] };
}

/** Sends the body as it is; the answer is an event stream or JSON. */
async function post(rollout: string, body: string): Promise<{ status: number; messages: Message[] }> {
  const accept = 'application/json, text/event-stream';
  const more = { accept, 'content-type': 'application/json', 'x-rollout-id': rollout };
  const answer = await fetch(url, { method: 'POST', headers: authorized(more), body });
  const text = await answer.text();
  const data = text.split('\n').filter((line) => line.startsWith('data: '));
  const parts = data.length > 0 ? data.map((line) => line.slice('data: '.length)) : [text];
  return { status: answer.status, messages: parts.map((part) => JSON.parse(part) as Message) };
}

const message = (params: string, id = 1): string =>
  `{"jsonrpc":"2.0","id":${String(id)},"method":"tools/call","params":${params}}`;
const verdictOf = (rollout: string) => server.rollouts.get(rolloutId(rollout))?.verdict;

async function isTheModels(params: string): Promise<void> {
  const rollout = newRollout();
  const { status, messages } = await post(rollout, message(params));
  expect(status, params.slice(0, 200)).toBe(200);
  expect(messages).toMatchObject([{ result: { content: [{ type: 'text' }] } }]);
  expect(verdictOf(rollout)).toMatchObject({
    verdict: 'valid',
    reasons: [],
    counts: { calls: 1, pending: 0 },
  });
}

const brackets = fc.integer({ min: 1, max: 20_000 }).map((count) => '['.repeat(count) + ']'.repeat(count));

test('any JSON value as arguments', async () => {
  const values = fc.oneof(
    fc.json(),
    brackets,
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  );
  const property = fc.asyncProperty(values, (given) => isTheModels(`{"name":"shell","arguments":${given}}`));
  await fc.assert(property, { numRuns: 150 });
}, 120_000);

test('any JSON value as the name', async () => {
  const property = fc.asyncProperty(fc.json(), (name) => isTheModels(`{"name":${name},"arguments":{}}`));
  await fc.assert(property, { numRuns: 150 });
}, 120_000);

test.each([
  ['NaN', '{"name":"shell","arguments":{"command":NaN}}'],
  ['no arguments', '{"name":"shell"}'],
  ['arguments that are null', '{"name":"shell","arguments":null}'],
  ['arguments that are no JSON', '{"arguments":{nothing},"name":"shell"}'],
])('%s', async (_what, params) => {
  await isTheModels(params);
});

test('a list of calls: each is recorded', async () => {
  const rollout = newRollout();
  const calls = ['{"command":"true"}', '[1]', '{nothing}'].map((given, index) =>
    message(`{"name":"shell","arguments":${given}}`, index + 1),
  );
  expect((await post(rollout, `[${calls.join(',')}]`)).status).toBe(200);
  expect(verdictOf(rollout)).toMatchObject({ verdict: 'valid', counts: { calls: 3, ok: 1, model: 2 } });
});

test('a call without a name is the client’s mistake', async () => {
  const rollout = newRollout();
  expect((await post(rollout, message('{"arguments":{}}'))).messages).toMatchObject([{ error: {} }]);
  expect(verdictOf(rollout)).toBeUndefined();
});
