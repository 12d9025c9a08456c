import { describe, expect, test } from 'vitest';
import { authorized } from '../support/http-server.ts';
import {
  broken,
  call,
  CALLED,
  folder,
  grade,
  graderFor,
  live,
  named,
  SAMPLE,
  stop,
  verdict,
} from './lives.ts';

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

  test('the end of a sandbox is recorded with the job', async () => {
    const server = await live(await graderFor(), { dataDir: folder() });
    await call(server, 'r', 'call_1', 'team-a');
    const headers = authorized(named('team-a'));
    await server.app.inject({ method: 'DELETE', url: '/v1/rollouts/r', headers });
    const kills = [];
    for await (const { event } of server.journal.events())
      if (event.type === 'kill_intended') kills.push(event);
    expect(kills).toMatchObject([{ rollout: 'r', namedJob: 'team-a', reason: 'deleted' }]);
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

  test('a request that names no job is of the one job that has the id; of several it is unknown, and refused', async () => {
    const server = await live(await graderFor(), { dataDir: folder() });
    server.engine.startFault = broken;
    await call(server, 'r', 'call_1', 'team-a');
    expect(await verdict(server, 'r')).toMatchObject({ verdict: 'exclude' });
    expect((await grade(server, 'r')).statusCode).toBe(503);
    await call(server, 'r', 'call_1', 'team-b');
    expect(await verdict(server, 'r')).toMatchObject({
      verdict: 'unknown',
      unknown_because: 'job_not_named',
    });
    expect((await call(server, 'r', 'call_2')).json()).toMatchObject({ error: 'job_not_named' });
    for (const [method, url] of [
      ['GET', '/v1/rollouts/r'],
      ['GET', '/v1/rollouts/r/files?path=a'],
      ['DELETE', '/v1/rollouts/r'],
    ] as const)
      expect((await server.app.inject({ method, url, headers: authorized() })).statusCode).toBe(409);
  });

  test('calls whose job a grading does not name are not taken for calls that never arrived', async () => {
    const server = await live(await graderFor(), { dataDir: folder() });
    await call(server, 'r', 'call_1', 'team-a');
    await call(server, 'r', 'call_1', 'team-b');
    expect((await grade(server, 'r', CALLED)).statusCode).toBe(503);
    expect(await verdict(server, 'r')).toMatchObject({ verdict: 'unknown', reasons: [] });
    expect(await verdict(server, 'r', 'team-a')).toMatchObject({ verdict: 'valid' });
  });

  test('a job is never told of a rollout without a job, and not graded as silent beside one that was hit', async () => {
    const server = await live(await graderFor(), { dataDir: folder() });
    await call(server, 'good');
    expect(await verdict(server, 'good', 'team-a')).toMatchObject({
      verdict: 'no_tool_call',
      counts: { calls: 0 },
    });
    server.engine.startFault = broken;
    await call(server, 'hit');
    expect(await verdict(server, 'hit', 'team-a')).toMatchObject({ verdict: 'unknown', reasons: [] });
    expect((await grade(server, 'hit', SAMPLE, 'team-a')).statusCode).toBe(503);
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
