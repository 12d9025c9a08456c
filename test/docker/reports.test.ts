import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { printedUrl } from './support/printed-url.ts';
import { TOKEN, type Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const examples = join(root, 'images/reports/examples');

let server: Server;
let grader: ChildProcess;

withWorld(async (world) => {
  copyFileSync(join(root, 'policies/tasks.yaml'), join(world.folder, 'policies/tasks.yaml'));
  grader = spawn(process.execPath, [join(examples, 'grader.ts')], { env: { ...process.env, PORT: '0' } });
  server = await world.start({ FAULTLINE_GRADER_URL: await printedUrl(grader) });
});

afterAll(() => {
  grader.kill();
});

const item = { task: 'reports', answer: '32.0', scale: 'million' };
const ask = (rollout: string, call: string, tool: string, args: object) =>
  server.tool(tool, rollout, call, args, { item });

it('searches, lists and shows pages, ten calls at most', async () => {
  const query = { query: "Orchard's finished goods; NOT OR \"'(" };
  expect((await ask('pages', '1', 'search', query)).output?.split('\n')[0]).toBe('orchard-2023.md');
  expect((await ask('pages', '2', 'list', { prefix: 'orchard' })).output).toBe(
    'orchard-2023-leases.md\norchard-2023.md\n',
  );
  expect((await ask('pages', '3', 'cat', { path: 'orchard-2023.md' })).output).toContain('| 32.0');
  expect((await ask('pages', '4', 'cat', { path: '../etc/passwd' })).output).toContain('there is no page');
  expect((await ask('pages', '5', 'search', { query: '--' })).output).toContain('holds no word');
  for (let call = 6; call <= 10; call += 1) await ask('pages', String(call), 'list', { prefix: '' });
  expect((await ask('pages', '11', 'list', { prefix: '' })).output).toContain('All 10 tool calls');
});

it.each([
  ['$32 million', 1],
  ['33', 0.5],
  ['no idea', 0],
])('a rollout that answers "%s" is graded %d', async (sample, score) => {
  const rollout = `graded-${String(score)}`;
  await ask(rollout, '1', 'search', { query: 'finished goods' });
  const reply = await server.request('POST', '/v1/grade', { sample, item, trace_id: rollout });
  expect([reply.status, await reply.json()]).toEqual([200, { score }]);
});

it.each([
  ['trainer.ts', process.execPath],
  ['trainer.py', 'python3'],
])('%s plays its groups and prints advantages', async (file, program) => {
  const env = { ...process.env, FAULTLINE_URL: server.url, FAULTLINE_TOKEN: TOKEN };
  const { stdout } = await run(program, [join(examples, file)], { env, timeout: 150_000 });
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(8);
  for (const line of lines) expect(line).toMatch(/^q\d +rewards( [\d.]+){4} +advantages( -?\d\.\d\d){4}$/);
  expect(lines.filter((line) => / rewards 1(\.0)? /.test(line)).length).toBeGreaterThanOrEqual(6);
});
