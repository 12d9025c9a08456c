import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RULES } from '../../../src/outcome/rules.ts';
import { indexFile } from '../../../src/rollouts/verdict-index.ts';
import { authorized } from '../support/http-server.ts';
import {
  alarms, call, CALLED, firstFile, firstLife, folder, forget, grade, graderFor, live, renamed, stop, verdict,
} from './lives.ts'; // prettier-ignore

/** Each state that a graded rollout can be in, reached on a server over HTTP, and what a restart makes of it. */

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
    let going: (() => void) | null = null as (() => void) | null;
    server.engine.script = () => new Promise((resolve) => (going = () => resolve('late')));
    const running = call(server, 'slow');
    await expect.poll(() => going, { timeout: 10_000 }).not.toBeNull();
    expect((await verdict(server, 'slow')).verdict).toBe('pending');
    going?.();
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
    expect(await verdict(server, 'hit')).toMatchObject({ verdict: 'exclude', evidence_kept: false });
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
    for await (const { event } of second.journal.events())
      if (event.type === 'call_finished' || event.type === 'rollout_lost') expect(event.rules).toBe(RULES);
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
