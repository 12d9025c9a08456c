import { expect, it } from 'vitest';
import { docker } from './support/docker.ts';
import { World, type Server } from './support/server.ts';

/** What only the first sandbox knows, unless everything was done again: files, directory, exports, interpreter, server. */
async function live(server: Server, rollout: string): Promise<void> {
  const calls: [string, object][] = [
    ['shell', { command: 'mkdir /work; cd /work; export A=kept; echo one > log; date' }],
    ['python', { code: 'import random\nrandom.seed(7)\nseen = [random.random() for _ in range(3)]\nseen' }],
    [
      'shell',
      { command: '(while true; do echo pong | nc -l -p 7000 -q 0; done) >/dev/null 2>&1 & sleep 0.3' },
    ],
    ['write_file', { path: '/work/note', content: 'written' }],
    ['shell', { command: 'exit 3' }],
  ];
  for (const [number, [tool, args]] of calls.entries())
    expect((await server.tool(tool, rollout, String(number), args)).status).toBe(200);
  await server.request('PUT', `/v1/rollouts/${rollout}/files?path=/work/up`, 'uploaded');
}

const LOOK = 'pwd; echo $A; cat log note up';
const SEEN = '/work\nkept\none\nwrittenuploaded';

it('a sandbox killed in mid-call is rebuilt: the call is answered, and nothing earlier is missing', async () => {
  await using world = new World();
  const server = await world.start();
  await live(server, 'r');
  const [first] = world.claims('r');
  const running = server.tool('shell', 'r', 'hit', { command: `echo two >> log; sleep 2; ${LOOK}` });
  await new Promise((resolve) => setTimeout(resolve, 700));
  await docker('kill', String(first));

  expect(await running).toMatchObject({ status: 200, output: SEEN.replace('one\n', 'one\ntwo\n') });
  const state = await server.tool('python', 'r', 'state', { code: 'len(seen), round(seen[0], 6)' });
  expect(state.output).toContain('(3, 0.323833)');
  expect(await server.verdict('r')).toMatchObject({
    verdict: 'valid',
    recovered: 'replay',
    counts: { calls: 7, ok: 6, recovered: 1, infra: 0 },
  });
  expect(world.claims('r')).toHaveLength(2);
  expect(await world.containers()).not.toContain(first);
});

it('a sandbox lost between calls is rebuilt by the next one, also after a restart of the controller', async () => {
  await using world = new World();
  const server = await world.start();
  await live(server, 'r');
  await docker('kill', String(world.claims('r')[0]));
  expect((await server.tool('shell', 'r', 'next', { command: LOOK })).output).toBe(SEEN);

  await server.kill();
  await docker('rm', '-f', String(world.claims('r')[1]));
  const second = await world.start();
  expect((await second.tool('shell', 'r', 'last', { command: LOOK })).output).toBe(SEEN);
  expect(await second.verdict('r')).toMatchObject({ verdict: 'valid', recovered: 'replay' });
});

it('a sandbox with a user of its own is rebuilt as the same user, though warm ones of others wait', async () => {
  await using world = new World();
  const server = await world.start();
  const item = { item: { policy: 'strict' } };
  const who = await server.tool('shell', 'r', '1', { command: 'id -u; id -g' }, item);
  expect(who.output).toMatch(/^(\d{7,10}\n)\1$/);
  const prewarm = { task: 'strict', count: 2 };
  const warm = async () => (await server.request('POST', '/v1/prewarm', prewarm)).json();
  await expect.poll(warm, { timeout: 30_000 }).toMatchObject({ ready: 2 });
  await docker('kill', String(world.claims('r')[0]));
  const again = await server.tool('shell', 'r', '2', { command: 'id -u; id -g' });
  expect(again).toMatchObject({ status: 200, output: who.output });
  expect(await server.verdict('r')).toMatchObject({ verdict: 'valid', recovered: 'replay' });
});

it('meanwhile it counts as alive for SWE-ReX, whose next command rebuilds it', async () => {
  await using world = new World();
  const server = await world.start();
  const verb = (method: string, name: string, form?: object) =>
    server.request(method, `/swe-rex/r/${name}`, form);
  await verb('POST', 'create_session', {});
  await docker('kill', String(world.claims('r')[0]));
  const rollout = async () => (await server.request('GET', '/v1/rollouts/r')).json();
  await expect.poll(rollout, { timeout: 30_000 }).toMatchObject({ state: 'displaced' });
  expect(await (await verb('GET', 'is_alive')).json()).toEqual({ is_alive: true, message: '' });
  const told = await verb('POST', 'run_in_session', { command: 'echo on' });
  expect(await told.json()).toMatchObject({ output: 'on\n' });
});

it('a world that does not come out the same is not passed off as the first: the rollout is excluded', async () => {
  await using world = new World();
  const server = await world.start();
  await server.tool('shell', 'r', '1', { command: 'cat /proc/sys/kernel/random/uuid | tee id' });
  await docker('kill', String(world.claims('r')[0]));
  expect((await server.tool('shell', 'r', '2', { command: 'cat id' })).status).toBe(503);
  expect(await server.verdict('r')).toMatchObject({
    verdict: 'exclude',
    reasons: ['sandbox_killed'],
    recovered: null,
    counts: { calls: 2, ok: 1, infra: 1 },
  });
});

it('a policy without recovery loses the rollout', async () => {
  await using world = new World();
  const server = await world.start();
  await server.tool('shell', 'r', '1', { command: 'true' }, { item: { recovery: 'none' } });
  await docker('kill', String(world.claims('r')[0]));
  expect((await server.tool('shell', 'r', '2', { command: 'true' })).status).toBe(503);
  expect(await server.verdict('r')).toMatchObject({ verdict: 'exclude', reasons: ['sandbox_killed'] });
});
