import { afterEach, beforeEach, expect, test } from 'vitest';
import { trajectorySchema, verdictWithEvidenceSchema } from '../../../src/http/schemas.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const call = (rollout: string, callId: string, given: unknown, tool = 'shell') =>
  server.app.inject({
    method: 'POST',
    url: `/v1/tools/${tool}`,
    headers: authorized(),
    payload: { arguments: given, call_id: callId, trace_id: rollout },
  });
const get = (path: string) => server.app.inject({ url: `/v1/rollouts/${path}`, headers: authorized() });
const verdicts = (rollout_ids: unknown) =>
  server.app.inject({ method: 'POST', url: '/v1/verdicts', headers: authorized(), payload: { rollout_ids } });

test('a trajectory has arguments, outputs as shown, durations and tokens, in order of arrival', async () => {
  await call('r', 'a', '{"command":"pwd"}');
  await call('r', 'b', { command: 'ls -la' });
  await call('r', 'c', '{"command":', 'shell');
  const reply = await get('r/trajectory');
  const body = trajectorySchema.strict().parse(reply.json());
  expect(body.calls).toMatchObject([
    { call_id: 'a', arguments: '{"command":"pwd"}', output: 'pwd', attribution: 'ok', tokens: 1 },
    { call_id: 'b', arguments: { command: 'ls -la' }, output: 'ls -la', tokens: 2 },
    { call_id: 'c', arguments: null, attribution: 'model', cause: 'bad_arguments' },
  ]);
  expect(body.summary).toMatchObject({ calls: 3, tools: { shell: 3 }, model_faults: 1 });
});

test('an excluded rollout says why, with the evidence; a valid one has none', async () => {
  await call('good', 'a', { command: 'pwd' });
  server.engine.startFault = () => new SandboxFault('image_missing', 'no such image');
  await call('bad', 'a', { command: 'pwd' });
  const bad = verdictWithEvidenceSchema.strict().parse((await get('bad/verdict')).json());
  expect(bad).toMatchObject({ verdict: 'exclude', reasons: ['image_missing'] });
  expect(bad.evidence).toEqual([
    { call_id: 'a', cause: 'image_missing', evidence: { kind: 'no_sandbox', fault: 'image_missing' } },
  ]);
  expect((await get('good/verdict')).json()).toMatchObject({ verdict: 'valid', evidence: [] });
  expect((await get('other/verdict')).json()).toMatchObject({
    verdict: 'no_tool_call',
    reasons: [],
    evidence: [],
  });
  expect((await get('other/trajectory')).statusCode).toBe(404);
});

test('the verdicts of a step in one request: order kept, twice asked once answered, strangers said to be such', async () => {
  for (const id of ['r1', 'r2', 'r3']) await call(id, 'a', { command: 'pwd' });
  const reply = (await verdicts(['r3', 'stranger', 'r1', 'r3'])).json<{
    verdicts: { rollout_id: string; verdict: string }[];
    unknown: string[];
  }>();
  expect(reply.verdicts.map(({ rollout_id }) => rollout_id)).toEqual(['r3', 'stranger', 'r1']);
  expect(reply.verdicts.map(({ verdict }) => verdict)).toEqual(['valid', 'no_tool_call', 'valid']);
  expect(reply.unknown).toEqual(['stranger']);
});

test.each([[[]], ['r1'], [['']], [[1]], [Array.from({ length: 10_001 }, () => 'r')]])(
  'a list of ids that is none is refused: %#',
  async (ids) => {
    expect((await verdicts(ids)).statusCode).toBe(400);
  },
);
