import { afterEach, describe, expect, test } from 'vitest';
import { GraderGate, type ExcludedRule } from '../../../src/grading/gate.ts';
import { GraderClient } from '../../../src/grading/grader-client.ts';
import type { EventOf } from '../../../src/journal/event.ts';
import { callId, rolloutId } from '../../../src/kernel/ids.ts';
import { Call } from '../../../src/rollouts/call.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { printed } from '../support/fake-engine.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';
import { answers, breaksOff, fakeGrader, hangs, type FakeGrader } from './fake-grader.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

interface Bench {
  readonly server: TestServer;
  readonly grader: FakeGrader;
}
interface BenchOptions {
  readonly excluded?: ExcludedRule;
  readonly recovered?: 'forward' | 'exclude';
  readonly unknown?: 'withhold' | 'forward';
  readonly pendingMs?: number;
  readonly requestMs?: number;
  readonly url?: string;
}

async function bench(replies: Parameters<typeof fakeGrader>, options: BenchOptions = {}): Promise<Bench> {
  const { excluded = { kind: 'withhold' }, recovered = 'forward', unknown = 'withhold' } = options;
  const { pendingMs = 5000, requestMs = 5000 } = options;
  const grader = await fakeGrader(...replies);
  const url = options.url ?? grader.url;
  const server = await testServer({
    gate: (parts) => {
      const client = new GraderClient({ url, token: 'grader-token', requestMs, clock: parts.clock });
      return new GraderGate({ ...parts, grader: client, excluded, recovered, unknown, pendingMs });
    },
  });
  open.push(grader, server);
  return { server, grader };
}

const SAMPLE = { output_text: '42', choices: [{ message: { role: 'assistant', content: '42' } }] };
const ITEM = { id: 'row-7', question: 'What is 6 × 7?' };
const REQUEST = { sample: SAMPLE, item: ITEM, trace_id: 'trace_1' };

/** Sent at once: what `inject` itself returns starts only when somebody waits for it. */
const post = async (server: TestServer, url: string, payload: object, headers: Record<string, string> = {}) =>
  await server.app.inject({ method: 'POST', url, payload, headers: authorized(headers) });
const grade = ({ server }: Bench, payload: object = REQUEST, headers = {}) =>
  post(server, '/v1/grade', payload, headers);
const call = ({ server }: Bench, callId: string, command = 'echo') =>
  post(server, '/v1/tools/shell', { arguments: { command }, call_id: callId, trace_id: 'trace_1' });

async function gradings({ server }: Bench): Promise<EventOf<'graded'>[]> {
  const found: EventOf<'graded'>[] = [];
  for await (const { event } of server.journal.events()) if (event.type === 'graded') found.push(event);
  return found;
}

async function excludedRollout(options: BenchOptions = {}): Promise<Bench> {
  const made = await bench([answers(200, '{"score": 1}')], options);
  made.server.engine.startFault = () => new SandboxFault('image_missing', 'no such image');
  expect((await call(made, 'call_1')).statusCode).toBe(503);
  return made;
}

/** Its sandbox is lost in the second call, and rebuilt. */
async function recoveredRollout(options: BenchOptions): Promise<Bench> {
  const made = await bench([answers(200, '{"score": 1}')], options);
  await call(made, 'call_1', 'ls');
  let lost = false;
  made.server.engine.script = () => {
    if (lost) return Promise.resolve('ls');
    lost = true;
    return Promise.reject(new SandboxFault('lost', 'gone', { executed: 'yes' }));
  };
  expect((await call(made, 'call_2', 'ls')).statusCode).toBe(200);
  return made;
}

describe('a rollout that is valid after a replay', () => {
  test('is forwarded, and the grader is told', async () => {
    const made = await recoveredRollout({});
    expect((await grade(made)).statusCode).toBe(200);
    expect(made.grader.asked[0]?.body).toMatchObject({
      faultline: { verdict: 'valid', recovered: 'replay', counts: { calls: 2, ok: 1, recovered: 1 } },
    });
  });

  test('is withheld where the operator wants it so', async () => {
    const made = await recoveredRollout({ recovered: 'exclude' });
    expect((await grade(made)).statusCode).toBe(503);
    expect(await gradings(made)).toMatchObject([{ verdict: 'exclude', ending: 'withheld', score: null }]);
  });
});

describe('a rollout that may be graded', () => {
  test('goes to the grader as it came, with verdict and summary; the answer comes back byte for byte', async () => {
    const answer = '{ "score": 0.30000000000000004, "note": "half right", "big": 12345678901234567890 }';
    const made = await bench([answers(200, answer)]);
    await call(made, 'call_1', 'ls');
    await call(made, 'call_2', 'cat answer');
    const reply = await grade(made, { ...REQUEST, extra: 1 });
    expect([reply.statusCode, reply.body]).toEqual([200, answer]);
    expect(made.grader.asked).toHaveLength(1);
    expect(made.grader.asked[0]?.authorization).toBe('Bearer grader-token');
    expect(made.grader.asked[0]?.body).toMatchObject({
      ...REQUEST,
      extra: 1,
      faultline: {
        verdict: 'valid',
        reasons: [],
        counts: { calls: 2, ok: 2 },
        trajectory: { calls: 2, tools: { shell: 2 }, model_faults: 0 },
      },
    });
    expect(await gradings(made)).toMatchObject([
      {
        rollout: 'trace_1',
        row: 'row-7',
        verdict: 'valid',
        ending: 'scored',
        score: 0.30000000000000004,
        tries: 1,
      },
    ]);
  });

  test('without a tool call is graded too, as that, and its job is the header', async () => {
    const made = await bench([answers(200, '{"score": 0}')]);
    const reply = await grade(made, REQUEST, { 'x-job-id': 'job-9' });
    expect(reply.json()).toEqual({ score: 0 });
    const faultline = { verdict: 'no_tool_call', counts: { calls: 0 }, trajectory: { calls: 0 } };
    expect(made.grader.asked[0]?.body).toMatchObject({ faultline });
    expect(await gradings(made)).toMatchObject([{ job: 'job-9', score: 0 }]);
  });

  test('a row without an id is named by its content, the same every time', async () => {
    const made = await bench([answers(200, '{"score": 1}')]);
    for (const question of ['a', 'a', 'b']) await grade(made, { ...REQUEST, item: { question } });
    const rows = (await gradings(made)).map(({ row }) => row);
    expect(rows[0]).toMatch(/^row-[0-9a-f]{16}$/);
    expect(rows.map((row) => row === rows[0])).toEqual([true, true, false]);
  });
});

describe('sealing', () => {
  test('later calls get 410, repeated ones their answer, and the sandbox is gone', async () => {
    const made = await bench([answers(200, '{"score": 1}')]);
    const first = await call(made, 'call_1');
    await grade(made);
    expect((await call(made, 'call_2')).statusCode).toBe(410);
    expect((await call(made, 'call_1')).json()).toEqual(first.json());
    await expect.poll(() => made.server.engine.removed).toHaveLength(1);
    expect((await grade(made)).statusCode).toBe(200);
  });

  test('a call under way is awaited and counted, and one that comes meanwhile is late', async () => {
    const made = await bench([answers(200, '{"score": 1}')]);
    const gate = Promise.withResolvers<undefined>();
    made.server.engine.script = async (_work, number) => {
      await gate.promise;
      return printed(number, 'slow');
    };
    const running = call(made, 'call_1');
    await expect.poll(() => made.server.engine.ran).toHaveLength(1);
    const graded = grade(made);
    const rollout = made.server.rollouts.get(rolloutId('trace_1'));
    const another = { rollout: rolloutId('trace_1'), callId: callId('x'), tool: '', argumentsSha256: '' };
    await expect.poll(() => rollout?.isLate(new Call(another))).toBe(true);
    expect((await call(made, 'call_2')).statusCode).toBe(410);
    gate.resolve(undefined);
    expect((await running).json()).toMatchObject({ output: 'slow' });
    expect((await graded).statusCode).toBe(200);
    expect(made.grader.asked[0]?.body).toMatchObject({ faultline: { counts: { ok: 1, pending: 0 } } });
  });

  test('a repeated request joins the one under way', async () => {
    const made = await bench([answers(200, '{"score": 1}')]);
    const replies = await Promise.all([grade(made), grade(made), grade(made)]);
    expect(replies.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    expect(made.grader.asked).toHaveLength(1);
    expect(await gradings(made)).toHaveLength(1);
  });
});

describe('a rollout that infrastructure spoiled', () => {
  test('is withheld with 503 and neutral words, and the grader never sees it', async () => {
    const made = await excludedRollout();
    const reply = await grade(made);
    expect(reply.statusCode).toBe(503);
    expect(reply.json()).toEqual({
      error: 'withheld',
      message: 'The rollout is not graded. GET /v1/rollouts/<id>/verdict gives the reasons.',
    });
    expect(made.grader.asked).toEqual([]);
    expect(await gradings(made)).toMatchObject([
      { verdict: 'exclude', reasons: ['image_missing'], ending: 'withheld', score: null, tries: 0 },
    ]);
  });

  test('gets a fixed score where that is configured', async () => {
    const made = await excludedRollout({ excluded: { kind: 'score', score: 0.5 } });
    expect((await grade(made)).json()).toEqual({ score: 0.5 });
    expect(made.grader.asked).toEqual([]);
    expect(await gradings(made)).toMatchObject([{ ending: 'fixed_score', score: 0.5 }]);
  });

  test('is forwarded with a flag where that is configured', async () => {
    const made = await excludedRollout({ excluded: { kind: 'flag' } });
    expect((await grade(made)).json()).toEqual({ score: 1 });
    expect(made.grader.asked[0]?.body).toMatchObject({
      faultline: { verdict: 'exclude', reasons: ['image_missing'] },
    });
  });
});

describe('a grader that fails is told apart, and never becomes a score', () => {
  test.each<[string, Parameters<typeof fakeGrader>, string, number, number]>([
    ['its own 4xx', [answers(422, '{}')], 'refused', 502, 1],
    ['5xx', [answers(500, '{}')], 'failed', 502, 3],
    ['too busy', [answers(429, '{}')], 'failed', 502, 3],
    ['no answer in time', [hangs], 'timed_out', 504, 1],
    ['a connection that breaks', [breaksOff], 'unreachable', 502, 3],
    ['a redirect', [answers(302, '')], 'unreachable', 502, 3],
    ['a score in words', [answers(200, '{"score":"0.5"}')], 'no_score', 502, 1],
    ['a null score', [answers(200, '{"score":null}')], 'no_score', 502, 1],
    ['a score beyond all numbers', [answers(200, '{"score":1e999}')], 'no_score', 502, 1],
    ['no score', [answers(200, '{"reward":1}')], 'no_score', 502, 1],
    ['a list', [answers(200, '[1]')], 'no_score', 502, 1],
    ['no JSON', [answers(200, 'NaN')], 'no_score', 502, 1],
    ['an endless answer', [answers(200, `{"score":1,"x":"${'x'.repeat(2 ** 20)}"}`)], 'no_score', 502, 1],
  ])('%s', async (_what, replies, ending, status, tries) => {
    const made = await bench(replies, { requestMs: 300 });
    expect((await grade(made)).statusCode).toBe(status);
    expect(await gradings(made)).toMatchObject([{ ending, score: null, tries }]);
  });

  test('a grader that comes back is asked again, unseen by the platform', async () => {
    const made = await bench([answers(503, ''), answers(200, '{"score": 0.25}')]);
    expect((await grade(made)).json()).toEqual({ score: 0.25 });
    expect(await gradings(made)).toMatchObject([{ ending: 'scored', tries: 2 }]);
  });

  test('a grader that is not there', async () => {
    const made = await bench([hangs], { url: 'http://127.0.0.1:9/' });
    expect((await grade(made)).json()).toMatchObject({ error: 'grader_failed' });
    expect(await gradings(made)).toMatchObject([{ ending: 'unreachable' }]);
  });
});

describe('requests that are refused', () => {
  test.each<[string, object, number]>([
    ['no trace id', { sample: SAMPLE, item: ITEM }, 400],
    ['an empty trace id', { ...REQUEST, trace_id: '' }, 400],
    ['1 MB beside sample and row', { ...REQUEST, more: 'x'.repeat(2 ** 20) }, 413],
  ])('%s', async (_what, payload, status) => {
    const made = await bench([answers(200, '{"score": 1}')]);
    expect((await grade(made, payload)).statusCode).toBe(status);
    expect(made.grader.asked).toEqual([]);
  });

  test('without the token', async () => {
    const made = await bench([answers(200, '{"score": 1}')]);
    const reply = await made.server.app.inject({ method: 'POST', url: '/v1/grade', payload: REQUEST });
    expect(reply.statusCode).toBe(401);
  });

  test('where no grader is configured', async () => {
    const server = await testServer();
    open.push(server);
    expect((await post(server, '/v1/grade', REQUEST)).json()).toMatchObject({ error: 'no_grader' });
  });
});
