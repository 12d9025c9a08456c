import { expect, it } from 'vitest';
import { PrivateEngine } from '../faults/engine.ts';
import { World, type Server, type ToolReply } from './support/server.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, nth) => `rollout-${String(nth)}`);

/** Says how often it has run in its sandbox. */
const COUNT = { command: 'echo ran >> /srv/runs; wc -l < /srv/runs' };

function burst(server: Server, rollouts: readonly string[]): Promise<ToolReply[]> {
  return Promise.all(rollouts.map((rollout) => server.tool('shell', rollout, 'first', COUNT)));
}

/** Containers beyond those that the server knows of, warm ones among them. */
async function unaccounted(world: World, server: Server): Promise<number> {
  const status = (await (await server.request('GET', '/v1/status')).json()) as {
    sandboxes: { live: number };
  };
  return (await world.containers()).length - status.sandboxes.live;
}

it('the engine is killed in the middle of a burst: everybody is served, once, and nothing leaks', async () => {
  await using engine = await PrivateEngine.start(['faultline/base:latest'], { liveRestore: true });
  await using world = new World(`unix://${engine.socket}`);
  const server = await world.start();
  const rollouts = ids(24);
  const answers = burst(server, rollouts);
  await expect
    .poll(async () => (await engine.docker('ps', '-q')).split('\n').length, { timeout: 30_000 })
    .toBeGreaterThan(6);
  await engine.signal('dockerd', 'SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await engine.start();

  const replies = await answers;
  expect(replies.map(({ status, output }) => [status, output])).toEqual(rollouts.map(() => [200, '1\n']));
  const verdicts = await Promise.all(rollouts.map((rollout) => server.verdict(rollout)));
  expect(new Set(verdicts.map(({ verdict }) => verdict))).toEqual(new Set(['valid']));
  await expect.poll(() => unaccounted(world, server), { timeout: 60_000, interval: 1_000 }).toBe(0);
});

it('half of the clients go away in mid-burst and come again: every call has run once', async () => {
  await using world = new World();
  const server = await world.start();
  const rollouts = ids(16);
  const leaving = new AbortController();
  const gone = rollouts
    .filter((_, nth) => nth % 2 === 0)
    .map((rollout) => server.tool('shell', rollout, 'first', COUNT, {}, leaving.signal).catch(() => null));
  const staying = burst(
    server,
    rollouts.filter((_, nth) => nth % 2 === 1),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  leaving.abort();
  expect((await Promise.all(gone)).filter((reply) => reply === null).length).toBeGreaterThan(0);

  expect(new Set((await staying).map(({ output }) => output))).toEqual(new Set(['1\n']));
  const again = await burst(server, rollouts);
  expect(again.map(({ status, output }) => [status, output])).toEqual(rollouts.map(() => [200, '1\n']));
});

it('no more live than the host takes: the others wait until there is room', async () => {
  await using world = new World();
  const server = await world.start({ FAULTLINE_MOST_LIVE: '4' });
  const rollouts = ids(10);
  const ended: string[] = [];
  await Promise.all(
    rollouts.map(async (rollout) => {
      const { status, output } = await server.tool('shell', rollout, 'first', COUNT);
      expect([status, output]).toEqual([200, '1\n']);
      expect((await world.containers()).length).toBeLessThanOrEqual(4 + 1);
      await server.request('DELETE', `/v1/rollouts/${rollout}`);
      ended.push(rollout);
    }),
  );
  expect(ended.toSorted()).toEqual(rollouts.toSorted());
});
