import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { docker } from './support/docker.ts';
import type { World, Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

/** Limits on time where somebody outside keeps the sandbox from its time. */

const CGROUPS = '/sys/fs/cgroup';
const GROUP = `${CGROUPS}/cpu/faultline-test-hogs`;
const LIMIT_MS = 2_000;
const LONGEST_MS = 30_000;
const ROLLOUTS = ['busy', 'code', 'late', 'asleep', 'frozen', 'loop', 'crowd'];

/** Busy processes of the host, with so much weight that hardly anything is left: two for each processor. */
class Hogs implements AsyncDisposable {
  readonly #busy: ChildProcess[] = [];

  static async start(): Promise<Hogs> {
    mkdirSync(GROUP, { recursive: true });
    writeFileSync(join(GROUP, 'cpu.shares'), '131072');
    const hogs = new Hogs();
    for (let nth = 0; nth < 2 * availableParallelism(); nth += 1)
      hogs.#busy.push(
        spawn('sh', ['-c', `echo $$ > ${GROUP}/cgroup.procs; while :; do :; done`], { stdio: 'ignore' }),
      );
    await sleep(200);
    return hogs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const hog of this.#busy) {
      const gone = once(hog, 'exit');
      hog.kill('SIGKILL');
      await gone;
    }
    await sleep(100);
    rmdirSync(GROUP);
  }
}

let world: World;
let server: Server;
withWorld(async (opened) => {
  world = opened;
  const file = join(world.folder, 'policies/lasting.yaml');
  const longest = `${String(LONGEST_MS / 1000)}s`;
  const lasting = readFileSync(file, 'utf8').replace(/call_(max|default): .*/g, `call_$1: ${longest}`);
  writeFileSync(file, lasting);
  server = await world.start();
  // Started before anything is busy, and not rebuilt after a loss: what a call ends as is what is looked at.
  for (const rollout of ROLLOUTS)
    await server.request('POST', '/v1/rollouts', { rollout_id: rollout, task: 'lasting' });
  for (const rollout of ROLLOUTS) await server.tool('shell', rollout, 'first', { command: 'true' });
  await server.tool('python', 'code', 'begin', { code: '1' });
});
describe('while the host is busy with something else', () => {
  it('calls that could not use their time are not the model’s', async () => {
    await using _ = await Hogs.start();
    const began = performance.now();
    const replies = await Promise.all([
      server.tool('shell', 'busy', 'starved', { command: 'while :; do :; done', timeout_ms: LIMIT_MS }),
      server.tool('python', 'code', 'starved', { code: 'while True: pass', timeout_ms: LIMIT_MS }),
    ]);
    expect(replies).toMatchObject([{ status: 503 }, { status: 503 }]);
    // The limit was moved as far as it goes first, and then the calls went on once more.
    expect(performance.now() - began).toBeGreaterThan(LONGEST_MS - 1_000);
    for (const rollout of ['busy', 'code'])
      expect(await server.verdict(rollout)).toMatchObject({ verdict: 'exclude', reasons: ['cpu_starved'] });
  });

  it('a call that is starved for longer than its limit is ever moved goes on, and completes', async () => {
    const work = 'python3 -c "import time\nwhile time.process_time() < 1.2: pass"; echo done';
    let reply: ReturnType<Server['tool']>;
    const began = performance.now();
    {
      await using _ = await Hogs.start();
      reply = server.tool('shell', 'late', 'late', { command: work, timeout_ms: LIMIT_MS });
      await sleep(11 * LIMIT_MS + 2_000);
    }
    expect(await reply).toMatchObject({ status: 200, output: 'done\n' });
    expect(performance.now() - began).toBeGreaterThan(11 * LIMIT_MS);
  });

  it('a call that slept its time away is', async () => {
    await using _ = await Hogs.start();
    const reply = await server.tool('shell', 'asleep', 'slept', {
      command: 'sleep 60',
      timeout_ms: LIMIT_MS,
    });
    expect(reply).toMatchObject({ status: 200, output: '[timed out after 2 s]' });
    expect(await server.verdict('asleep')).toMatchObject({
      verdict: 'valid',
      counts: { model: 1, infra: 0 },
    });
  });
});

it('a limit that passes while somebody outside has frozen the sandbox is not the model’s', async () => {
  const frozen = server.tool('shell', 'frozen', 'sleeping', { command: 'sleep 60', timeout_ms: LIMIT_MS });
  await sleep(700);
  const [container] = world.claims('frozen');
  await docker('pause', String(container));
  await sleep(LIMIT_MS);
  await docker('unpause', String(container));
  expect(await frozen).toMatchObject({ status: 503 });
  expect(await server.verdict('frozen')).toMatchObject({ verdict: 'exclude', reasons: ['sandbox_paused'] });
});

it('a long call comes after the others’ short ones; the next begins as everybody’s', async () => {
  const weight = (): string => {
    const [id] = world.claims('loop').map(String);
    const v2 = [`system.slice/docker-${String(id)}.scope/cpu.weight`, `docker/${String(id)}/cpu.weight`];
    const file = [`cpu/docker/${String(id)}/cpu.shares`, ...v2].find((path) =>
      existsSync(join(CGROUPS, path)),
    );
    return readFileSync(join(CGROUPS, String(file)), 'utf8').trim();
  };
  const usual = weight();
  const busy = server.tool('shell', 'loop', 'busy', { command: 'while :; do :; done', timeout_ms: 4_000 });
  await sleep(3_500);
  expect(Number(weight())).toBeLessThan(Number(usual) / 10);
  await busy;
  await server.tool('shell', 'loop', 'next', { command: 'true' });
  expect(weight()).toBe(usual);
});

it('processes that starve each other within a sandbox are the model’s', async () => {
  const crowd = 'for i in $(seq 60); do (while :; do :; done) & done; while :; do :; done';
  const reply = await server.tool('shell', 'crowd', 'crowd', { command: crowd, timeout_ms: LIMIT_MS });
  expect(reply).toMatchObject({ status: 200, output: '[timed out after 2 s]' });
  expect(await server.verdict('crowd')).toMatchObject({ verdict: 'valid', counts: { model: 1, infra: 0 } });
});

it('threads that chose one processor get no time added for waiting for it', async () => {
  const loops = ['pinned-1', 'pinned-2', 'pinned-3', 'pinned-4', 'pinned-5', 'pinned-6'];
  for (const rollout of loops)
    await server.request('POST', '/v1/rollouts', { rollout_id: rollout, task: 'lasting' });
  await Promise.all(loops.map((rollout) => server.tool('shell', rollout, 'first', { command: 'true' })));
  const command = 'python3 -c "import os\nos.sched_setaffinity(0, {0})\nwhile True: pass"';
  const replies = await Promise.all(
    loops.map((rollout) => server.tool('shell', rollout, 'loop', { command, timeout_ms: LIMIT_MS })),
  );
  expect(replies.map(({ status }) => status)).toEqual(loops.map(() => 200));
  interface Finished {
    readonly call: string;
    readonly evidence: { readonly record: { readonly killReason: string; readonly starvedMs: number } };
  }
  const records = loops.flatMap((rollout) =>
    world
      .events<Finished>('call_finished', rollout)
      .filter(({ call }) => call === 'loop')
      .map(({ evidence }) => evidence.record),
  );
  expect(records.map(({ killReason, starvedMs }) => [killReason, starvedMs])).toEqual(
    loops.map(() => ['timeout', 0]),
  );
});

it('sandboxes that starve each other have had their share', async () => {
  const loops = ['loop-1', 'loop-2', 'loop-3', 'loop-4', 'loop-5', 'loop-6'];
  for (const rollout of loops)
    await server.request('POST', '/v1/rollouts', { rollout_id: rollout, task: 'lasting' });
  await Promise.all(loops.map((rollout) => server.tool('shell', rollout, 'first', { command: 'true' })));
  const endless = { command: 'while :; do :; done', timeout_ms: LIMIT_MS };
  const replies = await Promise.all(loops.map((rollout) => server.tool('shell', rollout, 'loop', endless)));
  expect(replies.map(({ status }) => status)).toEqual(loops.map(() => 200));
});
