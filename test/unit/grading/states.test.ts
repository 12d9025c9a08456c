import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { GraderGate } from '../../../src/grading/gate.ts';
import { GraderClient } from '../../../src/grading/grader-client.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import type { Catalog } from '../../../src/policy/schema.ts';
import { indexFile } from '../../../src/rollouts/verdict-index.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';
import { temporaryFolder } from '../journal/temporary.ts';
import { answers, fakeGrader, type FakeGrader } from './fake-grader.ts';

/** Each state that a graded rollout can be in, reached on a server over HTTP, and what a restart makes of it. */

const open: (AsyncDisposable | Disposable)[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse())
    if (Symbol.asyncDispose in one) await one[Symbol.asyncDispose]();
    else one[Symbol.dispose]();
});

interface Life {
  readonly dataDir: string;
  readonly catalog?: Catalog;
  readonly unknown?: 'withhold' | 'forward';
  readonly firstStart?: boolean;
}

async function graderFor(): Promise<FakeGrader> {
  const grader = await fakeGrader(answers(200, '{"score": 1}'));
  open.push(grader);
  return grader;
}

/** A server on a data folder that stays, so that the next one finds what this one left. */
async function live(
  grader: FakeGrader,
  { dataDir, unknown = 'withhold', ...life }: Life,
): Promise<TestServer> {
  const server = await testServer({
    ...life,
    keep: dataDir,
    gate: (parts) => {
      const client = new GraderClient({ url: grader.url, token: null, requestMs: 5_000, clock: systemClock });
      const excluded = { kind: 'withhold' } as const;
      return new GraderGate({
        ...parts,
        grader: client,
        excluded,
        recovered: 'forward',
        unknown,
        pendingMs: 50,
      });
    },
  });
  open.push(server);
  return server;
}

async function stop(server: TestServer): Promise<void> {
  open.splice(open.indexOf(server), 1);
  await server[Symbol.asyncDispose]();
}

const SAMPLE = { output_text: 'done', choices: [{ message: { role: 'assistant', content: 'done' } }] };
const CALLED = {
  choices: [
    {
      finish_reason: 'tool_calls',
      message: {
        role: 'assistant',
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'shell', arguments: '{"command":"ls"}' } },
        ],
      },
    },
  ],
};

const named = (job?: string): Record<string, string> => (job === undefined ? {} : { 'x-job-id': job });
const call = async (server: TestServer, rollout: string, id = 'call_1', job?: string, command = 'ls') =>
  await server.app.inject({
    method: 'POST',
    url: '/v1/tools/shell',
    headers: authorized(named(job)),
    payload: { arguments: { command }, call_id: id, trace_id: rollout },
  });
const grade = async (server: TestServer, rollout: string, sample: unknown = SAMPLE, job?: string) =>
  await server.app.inject({
    method: 'POST',
    url: '/v1/grade',
    headers: authorized(named(job)),
    payload: { sample, item: { id: 'row-1' }, trace_id: rollout },
  });
async function verdict(server: TestServer, rollout: string, job?: string) {
  const reply = await server.app.inject({
    url: `/v1/rollouts/${rollout}/verdict`,
    headers: authorized(named(job)),
  });
  return reply.json<{ verdict: string; reasons: string[]; unknown_because: string | null }>();
}
const alarms = async (server: TestServer) => {
  const { body } = await server.app.inject({ url: '/metrics' });
  return /^faultline_alarm\{alarm="(?:calls_never_arrived|verdict_unknown)"\} 1$/gm.exec(body)?.[0] ?? null;
};

const broken = (): SandboxFault => new SandboxFault('image_missing', 'no such image');

/** A rollout of each sort, on the first server of a data folder. */
async function firstLife(server: TestServer): Promise<void> {
  await call(server, 'good');
  server.engine.startFault = broken;
  await call(server, 'hit');
  server.engine.startFault = () => null;
}

const folder = (): string => {
  const made = temporaryFolder();
  open.push(made);
  return made.path;
};

describe('each state is reached', () => {
  test('valid, exclude, pending, no_tool_call, calls_never_arrived, and unknown after records were lost', async () => {
    const grader = await graderFor();
    const dataDir = folder();
    const server = await live(grader, { dataDir });
    await firstLife(server);
    expect((await grade(server, 'good')).statusCode).toBe(200);
    expect((await grade(server, 'hit')).statusCode).toBe(503);
    expect((await grade(server, 'silent')).statusCode).toBe(200);
    expect((await grade(server, 'cut-off', CALLED)).statusCode).toBe(503);
    expect(grader.asked.map(({ body }) => (body['faultline'] as { verdict: string }).verdict)).toEqual([
      'valid',
      'no_tool_call',
    ]);
    let going = (): void => undefined;
    server.engine.script = () => new Promise((resolve) => (going = () => resolve('late')));
    const running = call(server, 'slow');
    await expect.poll(() => server.rollouts.get('slow' as never)?.busy).toBe(true);
    expect((await verdict(server, 'slow')).verdict).toBe('pending');
    going();
    await running;
    const told = await Promise.all(['good', 'hit', 'silent', 'cut-off'].map((id) => verdict(server, id)));
    expect(told.map(({ verdict: state, reasons }) => [state, ...reasons])).toEqual([
      ['valid'],
      ['exclude', 'image_missing'],
      ['no_tool_call'],
      ['exclude', 'calls_never_arrived'],
    ]);
    expect(await alarms(server)).toBe('faultline_alarm{alarm="calls_never_arrived"} 1');
    await stop(server);

    rmSync(join(dataDir, 'journal'), { recursive: true });
    rmSync(indexFile(dataDir));
    const second = await live(grader, { dataDir, firstStart: false });
    expect(await verdict(second, 'silent')).toMatchObject({
      verdict: 'unknown',
      unknown_because: 'journal_begins_late',
    });
    expect((await grade(second, 'hit')).statusCode).toBe(503);
    expect(await alarms(second)).toBe('faultline_alarm{alarm="verdict_unknown"} 1');
    expect(second.logged.map(({ message }) => message)).toContain('graded without a known verdict');
  });

  test('unknown is forwarded where the operator wants it so, and the grader is told why', async () => {
    const grader = await graderFor();
    const server = await live(grader, { dataDir: folder(), firstStart: false, unknown: 'forward' });
    expect((await grade(server, 'whoever')).statusCode).toBe(200);
    expect(grader.asked[0]?.body).toMatchObject({
      faultline: { verdict: 'unknown', unknown_because: 'journal_begins_late', trajectory: null },
    });
  });

  test('a rollout opened while records are missing may have had an earlier life: unknown, not valid', async () => {
    const server = await live(await graderFor(), { dataDir: folder(), firstStart: false });
    expect((await call(server, 'again')).statusCode).toBe(200);
    expect(await verdict(server, 'again')).toMatchObject({
      verdict: 'unknown',
      unknown_because: 'opened_in_doubt',
    });
    expect((await grade(server, 'again')).statusCode).toBe(503);
  });
});

describe('a rollout that was ever seen keeps its verdict', () => {
  test('when it is held in memory no more', async () => {
    const grader = await graderFor();
    const server = await live(grader, { dataDir: folder() });
    await firstLife(server);
    forget(server);
    expect((await grade(server, 'hit')).statusCode).toBe(503);
    expect((await grade(server, 'good')).statusCode).toBe(200);
    expect(grader.asked[0]?.body).toMatchObject({
      faultline: { verdict: 'valid', counts: { calls: 1, ok: 1 }, trajectory: null },
    });
    expect(await verdict(server, 'hit')).toMatchObject({ verdict: 'exclude', evidence: null });
    const trajectory = await server.app.inject({
      url: '/v1/rollouts/good/trajectory',
      headers: authorized(),
    });
    expect(trajectory.json()).toMatchObject({ error: 'verdict_only' });
  });

  test('when its task is renamed; and a further call of it is refused, recorded and counted', async () => {
    const grader = await graderFor();
    const dataDir = folder();
    const first = await live(grader, { dataDir });
    await firstLife(first);
    await stop(first);
    const second = await live(grader, { dataDir, catalog: renamed(), firstStart: false });
    expect((await grade(second, 'hit')).statusCode).toBe(503);
    expect(await verdict(second, 'good')).toMatchObject({ verdict: 'valid', counts: { calls: 1 } });
    const starts = second.engine.started.length;
    expect((await call(second, 'good', 'call_2')).statusCode).toBe(503);
    expect(second.engine.started.length).toBe(starts);
    expect(await verdict(second, 'good')).toMatchObject({
      verdict: 'exclude',
      reasons: ['task_removed'],
      counts: { calls: 2, ok: 1, task: 1 },
    });
    await stop(second);
    const third = await live(grader, { dataDir, catalog: renamed(), firstStart: false });
    expect(await verdict(third, 'good')).toMatchObject({ verdict: 'exclude', counts: { calls: 2 } });
  });

  test('when the journal is pruned, and a call of it never gets a fresh sandbox', async () => {
    const grader = await graderFor();
    const dataDir = folder();
    const first = await live(grader, { dataDir });
    await firstLife(first);
    await first.index.count(); // Everything is in the file.
    await stop(first);
    const second = await live(grader, { dataDir, firstStart: false });
    await call(second, 'another');
    await stop(second);
    rmSync(join(dataDir, 'journal', firstFile(dataDir)));
    const third = await live(grader, { dataDir, firstStart: false });
    expect(third.index.status.complete).toBe(true);
    expect((await grade(third, 'hit')).statusCode).toBe(503);
    expect((await verdict(third, 'good')).verdict).toBe('valid');
    expect((await verdict(third, 'silent')).verdict).toBe('no_tool_call');
    expect((await call(third, 'good', 'call_2')).statusCode).toBe(503);
    expect(third.engine.started).toEqual([]);
  });

  test.each([
    ['is overwritten', (file: string) => writeFileSync(file, 'not a database')],
    ['is empty', (file: string) => writeFileSync(file, '')],
    ['is cut off', (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 5_000))],
    ['is removed', (file: string) => rmSync(file)],
  ])('when the index file %s: it is made again from the journal', async (_how, damage) => {
    const grader = await graderFor();
    const dataDir = folder();
    const first = await live(grader, { dataDir });
    await firstLife(first);
    await stop(first);
    damage(indexFile(dataDir));
    const second = await live(grader, { dataDir, firstStart: false });
    forget(second);
    expect(second.index.status).toMatchObject({ complete: true });
    expect((await verdict(second, 'hit')).reasons).toEqual(['image_missing']);
    expect((await verdict(second, 'silent')).verdict).toBe('no_tool_call');
  });
});

describe('two jobs with the same rollout id', () => {
  test('have two rollouts, and neither gets the verdict or the files of the other', async () => {
    const server = await live(await graderFor(), { dataDir: folder() });
    await call(server, 'r', 'call_1', 'team-a');
    server.engine.startFault = broken;
    await call(server, 'r', 'call_1', 'team-b');
    const both = await Promise.all([verdict(server, 'r', 'team-a'), verdict(server, 'r', 'team-b')]);
    expect(both.map(({ verdict: state }) => state)).toEqual(['valid', 'exclude']);
    expect((await grade(server, 'r', SAMPLE, 'team-b')).statusCode).toBe(503);
    expect((await grade(server, 'r', SAMPLE, 'team-a')).statusCode).toBe(200);
    expect((await verdict(server, 'r', 'team-c')).verdict).toBe('no_tool_call');
    const seen = await server.app.inject({ url: '/v1/rollouts/r', headers: authorized(named('team-c')) });
    expect(seen.statusCode).toBe(404);
  });

  test('survive a restart apart', async () => {
    const dataDir = folder();
    const grader = await graderFor();
    const first = await live(grader, { dataDir });
    await call(first, 'r', 'call_1', 'team-a');
    first.engine.startFault = broken;
    await call(first, 'r', 'call_1', 'team-b');
    await stop(first);
    const second = await live(grader, { dataDir, firstStart: false });
    const both = await Promise.all([verdict(second, 'r', 'team-a'), verdict(second, 'r', 'team-b')]);
    expect(both.map(({ reasons }) => reasons.includes('image_missing'))).toEqual([false, true]);
  });

  test('a request that names no job, of an id that only a job has, is unknown: the header may be forgotten', async () => {
    const server = await live(await graderFor(), { dataDir: folder() });
    server.engine.startFault = broken;
    await call(server, 'r', 'call_1', 'team-a');
    expect(await verdict(server, 'r')).toMatchObject({
      verdict: 'unknown',
      unknown_because: 'job_not_named',
    });
    expect((await grade(server, 'r')).statusCode).toBe(503);
    await call(server, 'plain');
    expect((await grade(server, 'plain', SAMPLE, 'team-a')).statusCode).toBe(503);
  });

  test('another task for an open rollout is a 409, and excludes it', async () => {
    const server = await live(await graderFor(), { dataDir: folder() });
    await call(server, 'r');
    const other = await server.app.inject({
      method: 'POST',
      url: '/v1/tools/shell?task=reports',
      headers: authorized(),
      payload: { arguments: { command: 'ls' }, call_id: 'call_2', trace_id: 'r' },
    });
    expect([other.statusCode, other.json<{ error: string }>().error]).toEqual([409, 'other_task']);
    expect(await verdict(server, 'r')).toMatchObject({ verdict: 'exclude', reasons: ['bad_request'] });
  });
});

/** As the reaper does a day after the end. */
function forget({ rollouts }: TestServer): void {
  for (const rollout of rollouts.all()) {
    rollout.markEnded('idle');
    rollout.lastActivityAt = 0;
  }
  rollouts.forgetOld();
  expect([...rollouts.all()]).toEqual([]);
}

const firstFile = (dataDir: string): string => readdirSync(join(dataDir, 'journal')).sort()[0] ?? '';

function renamed(): Catalog {
  const files = { policiesDir: 'policies', imagesDir: 'images', taskFile: 'policies/tasks.yaml' };
  const catalog = loadCatalog(files);
  const task = { ...catalog.defaultTask, name: 'renamed' as never };
  return { ...catalog, defaultTask: task, tasks: new Map([[task.name, task]]) };
}
