import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import type { World, Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

let world: World;
let server: Server;

withWorld(async (opened) => {
  world = opened;
  add(`
  budgeted: { image: base, calls: 2, answer_tokens: 50 }
  furnished:
    image: base
    files: [{ path: /work/rows.csv, content: "a,b\\n" }]
    setup: [[sh, -c, "cat /work/rows.csv > /work/copy"]]
    tools:
      - shell
      - name: look
        description: Shows a file
        parameters: { path: { type: string } }
        command: [cat, "{path}"]
        answer_tokens: 50
        read_only: true
        example: { path: /work/copy }
`);
  server = await world.start();
});

const taskFile = () => join(world.folder, 'policies/tasks.yaml');

function add(tasks: string): void {
  writeFileSync(taskFile(), readFileSync(taskFile(), 'utf8').trimEnd() + tasks);
}

const open = (rollout: string, task: string) =>
  server.request('POST', '/v1/rollouts', { rollout_id: rollout, task });

describe('budgets', () => {
  it('refuses calls past the budget in plain words, the same again when repeated, and holds it against nobody', async () => {
    await open('budget', 'budgeted');
    const call = (n: number) => server.tool('shell', 'budget', `c${String(n)}`, { command: 'echo ran' });
    expect([(await call(1)).output, (await call(1)).output, (await call(2)).output]).toEqual([
      'ran\n',
      'ran\n',
      'ran\n',
    ]);
    const refused = 'All 2 tool calls of this task have been used. Give your answer now.';
    expect([(await call(3)).output, (await call(3)).output]).toEqual([refused, refused]);
    expect(await server.verdict('budget')).toMatchObject({
      verdict: 'valid',
      counts: { calls: 3, ok: 2, model: 1 },
    });
  });

  it('says so in the definitions', async () => {
    const reply = await server.request('GET', '/v1/tasks/budgeted/tools');
    const { tools } = (await reply.json()) as { tools: { description: string }[] };
    for (const { description } of tools)
      expect(description).toMatch(/At most 2 tool calls in total, counted over all tools\.$/);
  });

  it("cuts answers to the task's and the tool's tokens", async () => {
    await open('tokens', 'budgeted');
    const long = { command: 'seq 1 2000' };
    expect((await server.tool('shell', 'tokens', '1', long)).output?.length).toBeLessThan(400);
    await open('tool-tokens', 'furnished');
    expect((await server.tool('shell', 'tool-tokens', '1', long)).output?.length).toBeGreaterThan(4000);
    const look = { path: '/etc/services' };
    expect((await server.tool('look', 'tool-tokens', '2', look)).output?.length).toBeLessThan(400);
  });
});

it('set-up files are there before the set-up commands', async () => {
  await open('files', 'furnished');
  expect((await server.tool('look', 'files', '1', { path: '/work/copy' })).output).toBe('a,b\n');
});

describe('reload', () => {
  it('adds a task without a restart; a rollout that runs keeps what it began with', async () => {
    await open('before', 'furnished');
    await server.tool('shell', 'before', '1', { command: 'true' });
    add('\n  late: { image: base, tools: [shell] }\n');
    writeFileSync(taskFile(), readFileSync(taskFile(), 'utf8').replace('name: look', 'name: view'));
    expect((await open('after', 'late')).status).toBe(400);
    expect((await server.request('POST', '/v1/tasks/reload')).status).toBe(200);
    expect((await open('after', 'late')).status).toBe(201);
    expect((await server.tool('shell', 'after', '1', { command: 'echo new' })).output).toBe('new\n');
    expect((await server.tool('look', 'before', '2', { path: '/work/copy' })).output).toBe('a,b\n');
    await open('renamed', 'furnished');
    expect((await server.tool('look', 'renamed', '1', { path: '/' })).output).toContain('no tool "look"');
  });

  it('looks for the images anew, and tells of a missing one as at start', async () => {
    const said = (text: string) => server.said().split(text).length - 1;
    const before = said('rollouts of these tasks will be excluded');
    add('\n  unbuilt: { image: missing, tools: [shell] }\n');
    expect((await server.request('POST', '/v1/tasks/reload')).status).toBe(200);
    await expect
      .poll(() => said('rollouts of these tasks will be excluded'), { timeout: 30_000 })
      .toBe(before + 1);
    expect(said('"unbuilt"')).toBe(1);
  });

  it('by SIGHUP too', async () => {
    add('\n  signalled: { image: base, tools: [shell] }\n');
    server.process.kill('SIGHUP');
    await vi.waitUntil(async () => (await open('signalled', 'signalled')).status === 201, {
      timeout: 10_000,
    });
  });

  it('of a broken file changes nothing and names file, line and field', async () => {
    const good = readFileSync(taskFile(), 'utf8');
    writeFileSync(taskFile(), good.replace('image: minimal', 'image: minimall'));
    const reply = await server.request('POST', '/v1/tasks/reload');
    expect(reply.status).toBe(422);
    expect(await reply.json()).toMatchObject({
      error: 'bad_configuration',
      message: expect.stringMatching(
        /tasks.yaml:\d+: tasks.minimal.image: there is no image "minimall"/,
      ) as string,
    });
    expect((await open('still', 'minimal')).status).toBe(201);
    writeFileSync(taskFile(), good);
  });
});

describe('faultline tasks check', () => {
  const cli = join(import.meta.dirname, '../../src/cli/faultline.ts');

  async function check(...names: string[]) {
    const env = {
      ...process.env,
      FAULTLINE_POLICIES: join(world.folder, 'policies'),
      FAULTLINE_IMAGES: join(world.folder, 'images'),
    };
    const argv = [cli, 'tasks', 'check', '--json', ...names];
    const { stdout, code } = await promisify(execFile)(process.execPath, argv, {
      env,
      timeout: 120_000,
    }).then(
      ({ stdout }) => ({ stdout, code: 0 }),
      (error: unknown) => error as { stdout: string; code: number },
    );
    return { code, tasks: JSON.parse(stdout) as { steps: { step: string; problem: string | null }[] }[] };
  }

  it('passes a task that works, its tools and set-up included', async () => {
    const { code, tasks } = await check('furnished');
    expect([code, tasks[0]?.steps.map(({ step, problem }) => [step, problem])]).toEqual([
      0,
      [
        ['image', null],
        ['sandboxd answers', null],
        ['set-up', null],
        [expect.stringMatching(/look|view/), null],
        ['shell', null],
      ],
    ]);
  });

  it.each([
    ['broken-setup', 'set-up', /set-up command failed: sh -c exit 3/],
    ['missing', 'image', /there-is-no-such-image:1 is not built: npm run images/],
    ['minimal', 'python', /could not be started/],
  ])('names the step at which %s fails', async (task, step, problem) => {
    const { code, tasks } = await check(task);
    const failed = tasks[0]?.steps.filter((one) => one.problem !== null);
    expect([code, failed]).toEqual([1, [expect.objectContaining({ step })]]);
    expect(failed?.[0]?.problem).toMatch(problem);
  });
});
