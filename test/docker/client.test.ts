import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { ClientError, Faultline, InfraError, TaskError } from '../../src/client/client.ts';
import { docker } from './support/docker.ts';
import { TOKEN, World, type Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

const run = promisify(execFile);

let world: World;
let server: Server;
let faultline: Faultline;

withWorld(async (opened) => {
  world = opened;
  server = await world.start();
  faultline = new Faultline({ url: server.url, token: TOKEN, job: 'clients' });
});

describe('the TypeScript client', () => {
  it('plays a rollout: calls, files, verdict, trajectory, end', async () => {
    const rollout = await faultline.open({ task: 'base' });
    const answer = await rollout.call('shell', { command: 'echo out; echo err >&2; exit 3' });
    expect(answer).toMatchObject({
      output: 'out\nerr\n[exit code 3]',
      result: { exit_code: 3, stdout: 'out\n', stderr: 'err\n' },
      outcome: { attribution: 'ok', cause: 'completed' },
    });
    await rollout.upload('/data/ä b.bin', Buffer.from([0, 255, 10]));
    expect([...(await rollout.download('/data/ä b.bin'))]).toEqual([0, 255, 10]);
    expect((await rollout.call('shell', { cmd: 'ls' })).outcome.attribution).toBe('model');
    expect(await rollout.view()).toMatchObject({ state: 'live', job: 'clients', calls: [{}, {}] });
    expect((await rollout.trajectory()).calls).toHaveLength(2);
    expect(await rollout.end()).toMatchObject({ verdict: 'valid', counts: { calls: 2, ok: 1, model: 1 } });
    const { verdicts, unknown } = await faultline.verdicts([rollout.id, 'never-seen']);
    expect([verdicts[0]?.verdict, unknown]).toEqual(['valid', ['never-seen']]);
  });

  it('ends a rollout when its scope ends', async () => {
    let id: string;
    {
      await using rollout = await faultline.open();
      id = rollout.id;
      await rollout.call('shell', { command: 'true' });
    }
    expect((await faultline.rollout(id).view()).state).toBe('ended');
  });

  it('lists tasks, definitions and rollouts, and announces a burst', async () => {
    expect((await faultline.tasks()).tasks.map(({ name }) => name)).toContain('prepared');
    expect(await faultline.tools('prepared', 'chat')).toHaveLength(2);
    expect((await faultline.rollouts({ limit: 1 })).rollouts).toHaveLength(1);
    expect(await faultline.prewarm(0)).toMatchObject({ target: 0 });
  });

  it.each([
    ['a late call', ClientError, 'rollout_ended'],
    ['an unknown task', ClientError, 'unknown_task'],
    ['a call id used twice', ClientError, 'conflicting_repeat'],
    ['a wrong token', ClientError, 'unauthorized'],
    ['a missing image', TaskError, 'image_missing'],
    ['a set-up that fails', TaskError, 'setup_failed'],
    ['a server that is not there', InfraError, 'unreachable'],
  ])('says whose fault it is: %s', async (what, kind, code) => {
    const nobody = { url: 'http://127.0.0.1:9', token: TOKEN, patienceMs: 500 };
    const doings: Record<string, () => Promise<unknown>> = {
      'a late call': async () => {
        const rollout = await faultline.open();
        await rollout.end();
        await rollout.call('shell', { command: 'true' });
      },
      'an unknown task': () => faultline.open({ task: 'no-such-task' }),
      'a call id used twice': async () => {
        const rollout = await faultline.open();
        await rollout.call('shell', { command: 'true' }, 'c');
        await rollout.call('shell', { command: 'false' }, 'c');
      },
      'a wrong token': () => new Faultline({ url: server.url, token: 'wrong-token' }).tasks(),
      'a missing image': async () =>
        (await faultline.open({ task: 'missing' })).call('shell', { command: '' }),
      'a set-up that fails': async () =>
        (await faultline.open({ task: 'broken-setup' })).call('shell', { command: '' }),
      'a server that is not there': () => new Faultline(nobody).tasks(),
    };
    const error: unknown = await doings[what]?.().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code });
  });

  it('tells a rollout that infrastructure took at once, without repeating in vain', async () => {
    const rollout = await faultline.open({ task: 'lasting' });
    await rollout.call('shell', { command: 'true' });
    await docker('kill', String(world.claims(rollout.id)[0]));
    await expect(rollout.call('shell', { command: 'true' })).rejects.toMatchObject({
      name: 'InfraError',
      code: 'sandbox_killed',
    });
    expect(await rollout.verdict()).toMatchObject({ verdict: 'exclude', reasons: ['sandbox_killed'] });
  });

  it('carries a call over a killed and restarted server, and it runs once', async () => {
    await using other = new World();
    const first = await other.start();
    const port = new URL(first.url).port;
    const rollout = await new Faultline({ url: first.url, token: TOKEN }).open({ id: 'over' });
    await rollout.call('shell', { command: 'echo one > /tmp/runs' });
    const slow = rollout.call('shell', { command: 'echo two >> /tmp/runs; sleep 3; cat /tmp/runs' });
    await vi.waitUntil(async () => (await rollout.view()).calls.length === 2);
    await rollout.call('read_file', { path: '/nope' }).catch(() => null); // In line behind it: it has begun.
    await first.kill();
    await other.start({ FAULTLINE_PORT: port });
    expect((await slow).output).toBe('one\ntwo\n');
  });
});

it('the Python client passes its own tests against this server', async () => {
  const tests = join(import.meta.dirname, 'client_test.py');
  const environment = {
    FAULTLINE_URL: server.url,
    FAULTLINE_TOKEN: TOKEN,
    FAULTLINE_JOURNAL: join(world.folder, 'data/journal'),
  };
  const { stderr } = await run('python3', ['-B', tests], {
    env: { ...process.env, ...environment },
    timeout: 150_000,
  });
  expect(stderr).toMatch(/Ran \d{2} tests[\s\S]*\nOK\n/);
});
