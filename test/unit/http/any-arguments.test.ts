import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { answers, fakeGrader, gateTo, type FakeGrader } from '../grading/fake-grader.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

/**
 * Whatever a model writes as arguments ends in an answer for the model and a recorded call: never in a 5xx, never in a
 * 4xx, which would exclude the rollout from training.
 */

const RUNS = 300;
const brackets = (count: number): string => '['.repeat(count) + ']'.repeat(count);
const levels = fc.integer({ min: 1, max: 20_000 });
const objects = (count: number): string => '{"a":'.repeat(count) + '1' + '}'.repeat(count);

let server: TestServer;
let grader: FakeGrader;
let lastRollout = 0;
beforeAll(async () => {
  grader = await fakeGrader(...Array.from({ length: 4 }, () => answers(200, '{"score":0.5}')));
  server = await testServer({ gate: gateTo(grader) });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await grader[Symbol.asyncDispose]();
});

const newRollout = (): string => `form-${String((lastRollout += 1))}`;

/** `text` is the JSON text of the arguments. */
async function callBoth(text: string): Promise<void> {
  const rollout = newRollout();
  const platform = `{"trace_id":${JSON.stringify(rollout)},"call_id":"p","arguments":${text}}`;
  const native = `{"call_id":"n","tool":"shell","arguments":${text}}`;
  for (const [url, payload] of [
    ['/v1/tools/shell', platform],
    [`/v1/rollouts/${rollout}/calls`, native],
  ] as const) {
    const headers = { ...authorized(), 'content-type': 'application/json' };
    const answer = await server.app.inject({ method: 'POST', url, payload, headers });
    expect(answer.statusCode, payload.slice(0, 200)).toBe(200);
  }
  const verdict = server.rollouts.get(rollout as never)?.verdict;
  expect(verdict).toMatchObject({ verdict: 'valid', reasons: [], counts: { calls: 2, pending: 0 } });
}

describe('arguments of any shape', () => {
  it('any JSON value is answered, and the call is recorded', async () => {
    const value = fc.oneof(
      fc.json({ maxDepth: 12 }),
      fc.record({ command: fc.jsonValue() }).map((given) => JSON.stringify(given)),
      fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
      levels.map(brackets),
      levels.map((count) => JSON.stringify(brackets(count))),
      levels.map((count) => `{"command":"true","more":${objects(count)}}`),
    );
    await fc.assert(fc.asyncProperty(value, callBoth), { numRuns: RUNS });
  }, 120_000);

  test.each([
    ['12 KB of brackets', brackets(6_000)],
    ['the same as a string', JSON.stringify(brackets(6_000))],
    ['beside a good command', `{"command":"true","more":${objects(5_000)}}`],
    ['null', 'null'],
    ['a list', '[1]'],
    ['a number', '7'],
    ['a key __proto__', '{"__proto__":{"command":"true"}}'],
    ['half a surrogate pair', '{"command":"\\ud800"}'],
    ['no JSON', JSON.stringify('{"command": "true"')],
  ])('%s', async (_what, text) => {
    await callBoth(text);
  });
});

test.each([
  ['a deep dataset row', `"item":${objects(6_000)}`],
  ['a row that is a list', `"item":${brackets(6_000)}`],
])('%s opens the rollout and is not recorded', async (_what, item) => {
  const payload = `{"trace_id":"${newRollout()}","call_id":"c","arguments":{"command":"true"},${item}}`;
  const answer = await server.app.inject({
    ...{ method: 'POST', url: '/v1/tools/shell', payload },
    headers: { ...authorized(), 'content-type': 'application/json' },
  });
  expect(answer.statusCode).toBe(200);
});

test.each([
  ['a deep sample', `"sample":{"output":${brackets(6_000)}}`],
  ['a deep row', `"sample":{},"item":${objects(6_000)}`],
])('%s is graded, and reaches the grader whole', async (_what, rest) => {
  const asked = grader.asked.length;
  const payload = `{"trace_id":"${newRollout()}",${rest}}`;
  const answer = await server.app.inject({
    ...{ method: 'POST', url: '/v1/grade', payload },
    headers: { ...authorized(), 'content-type': 'application/json' },
  });
  expect([answer.statusCode, answer.json()]).toEqual([200, { score: 0.5 }]);
  expect(grader.asked).toHaveLength(asked + 1);
});

test.each(['', null])('the call id %j counts as absent', async (callId) => {
  const body = { trace_id: newRollout(), call_id: callId, arguments: { command: 'true' } };
  const answer = await server.app.inject({
    ...{ method: 'POST', url: '/v1/tools/shell', payload: body },
    headers: authorized(),
  });
  expect([answer.statusCode, answer.headers['x-faultline-idempotent']]).toEqual([200, 'false']);
});

test('a call without the field arguments is the client’s mistake', async () => {
  const payload = { trace_id: newRollout(), call_id: 'c' };
  const answer = await server.app.inject({
    ...{ method: 'POST', url: '/v1/tools/shell', payload },
    headers: authorized(),
  });
  expect(answer.statusCode).toBe(400);
});
