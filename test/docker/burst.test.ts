import { describe, expect, it } from 'vitest';
import { docker } from './support/docker.ts';
import type { World, Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

interface Pool {
  readonly ready: number;
  readonly target: number;
}

let world: World;
let server: Server;

withWorld(async (opened) => {
  world = opened;
  server = await world.start();
});
async function prewarm(count: number): Promise<Pool> {
  const reply = await server.request('POST', '/v1/prewarm', { count, task: 'base' });
  expect(reply.status).toBe(202);
  return (await reply.json()) as Pool;
}

async function ready(count: number): Promise<void> {
  await expect
    .poll(async () => (await prewarm(count)).ready, { timeout: 90_000, interval: 500 })
    .toBeGreaterThanOrEqual(count);
}

async function burst(name: string, count: number, task: (nth: number) => string): Promise<number[]> {
  const calls = Array.from({ length: count }, (_, nth) =>
    server.request('POST', `/v1/tools/shell?task=${task(nth)}`, {
      type: 'function_call',
      id: 'fc',
      call_id: 'call_1',
      trace_id: `${name}-${String(nth)}`,
      arguments: JSON.stringify({ command: 'cat /srv/mark 2>/dev/null; echo here > /srv/mark' }),
    }),
  );
  const replies = await Promise.all(calls);
  for (const reply of replies)
    if (reply.status === 200)
      expect(((await reply.json()) as { output: string }).output).not.toContain('here');
  return replies.map(({ status }) => status);
}

async function end(name: string, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, nth) =>
      server.request('DELETE', `/v1/rollouts/${name}-${String(nth)}`),
    ),
  );
}

describe('a burst', () => {
  it('is served from the pool although a third of it was killed from outside just before', async () => {
    await ready(9);
    const warm = await world.containers();
    expect(warm.length).toBeGreaterThanOrEqual(9);
    await docker('kill', ...warm.slice(0, 3));
    expect(await burst('killed', 9, () => 'base')).toEqual(Array.from({ length: 9 }, () => 200));
    await end('killed', 9);
  });

  it('serves two thirds of the rollouts where the image of the others is missing, and tells those', async () => {
    const statuses = await burst('missing', 9, (nth) => (nth % 3 === 0 ? 'missing' : 'base'));
    expect(statuses).toEqual([503, 200, 200, 503, 200, 200, 503, 200, 200]);
    await end('missing', 9);
  });

  it('shows where a rollout stands, and what is alive', async () => {
    const metrics = await (await server.request('GET', '/metrics')).text();
    expect(metrics).toMatch(/^faultline_sandboxes\{kind="cap"\} [1-9]/m);
    expect(metrics).toMatch(/^faultline_start_queue\{measure="circuit_open"\} 0$/m);
    const view = await (await server.request('GET', '/v1/rollouts/missing-1')).json();
    expect(view).toMatchObject({ queue: null });
  });

  it('leaves nothing behind: killed, warm, refills under way and those of a server that was killed', async () => {
    await ready(4);
    await server.kill();
    expect((await world.containers()).length).toBeGreaterThanOrEqual(4);
    server = await world.start();
    await expect.poll(() => world.containers(), { timeout: 60_000, interval: 500 }).toEqual([]);
    await prewarm(6);
    await server.stop();
    expect(await world.containers()).toEqual([]);
  });
});
