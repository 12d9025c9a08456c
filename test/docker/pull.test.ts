import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { docker } from './support/docker.ts';
import { MEMBER, Registry } from './support/registry.ts';
import { World, type Server } from './support/server.ts';

const BURST = 8;
const DIGEST = `sha256:${'0'.repeat(64)}`;

let registry: Registry;
let world: World;
let server: Server;
/** With its digest, as a task names it. */
let reference: string;

/** A small image that nobody else has, in the registry and no longer in the engine. @returns its reference with digest. */
async function push(): Promise<string> {
  const context = mkdtempSync(join(tmpdir(), 'faultline-pushed-'));
  const tag = `${registry.address}/suite/pulled:1`;
  try {
    writeFileSync(join(context, 'Dockerfile'), 'FROM faultline/busybox\nCOPY marker /marker\n');
    writeFileSync(join(context, 'marker'), `${tag}\n`);
    await docker('build', '-q', '-t', tag, context);
    await docker('push', '-q', tag);
    const digests = await docker('image', 'inspect', '-f', '{{join .RepoDigests "\\n"}}', tag);
    return digests.split('\n').find((one) => one.startsWith(registry.address)) ?? '';
  } finally {
    await docker('image', 'rm', tag);
    rmSync(context, { recursive: true });
  }
}

const isThere = () =>
  docker('image', 'inspect', '-f', 'there', reference).then(
    () => true,
    () => false,
  );

async function pullsSince(began: number): Promise<string[]> {
  const between = ['--since', String(began), '--until', String(Math.ceil(Date.now() / 1000))];
  const format = ['--format', '{{.Actor.ID}}'];
  const events = await docker('events', ...between, '--filter', 'event=pull', ...format);
  return events.split('\n').filter((id) => id.startsWith(registry.address));
}

const look = (task: string, rollout: string) =>
  server.tool('shell', rollout, '1', { command: 'cat /marker' }, { item: { task } });

describe('an image that is only referenced', () => {
  beforeAll(async () => {
    registry = await Registry.open();
    reference = await push();
    world = new World();
    world.addImage('pulled', reference);
    world.addImage('wrong-name', `${registry.address}/suite/nobody@${DIGEST}`);
    world.addImage('wrong-digest', `${registry.address}/suite/pulled@${DIGEST}`);
    server = await world.start();
    await vi.waitUntil(isThere, { timeout: 60_000, interval: 200 });
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    if (await isThere()) await docker('image', 'rm', reference);
    await registry[Symbol.asyncDispose]();
  });

  it.each(['wrong-name', 'wrong-digest'])(
    "is the task's fault at once where the registry knows none of it: %s",
    async (task) => {
      const began = performance.now();
      expect((await look(task, task)).status).toBe(503);
      expect(performance.now() - began).toBeLessThan(15_000);
      expect(await server.verdict(task)).toMatchObject({
        verdict: 'exclude',
        reasons: ['image_missing'],
        counts: { calls: 1, task: 1, infra: 0 },
      });
      expect(world.events('attempt_failed', task)).toMatchObject([{ code: 'image_missing' }]);
    },
  );

  it("is waited for while its registry is away: infrastructure's doing, tried again, unseen", async () => {
    await registry.stop();
    await docker('image', 'rm', reference);
    const reply = look('pulled', 'patient');
    const attempts = () => world.events<{ code: string }>('attempt_failed', 'patient');
    await expect.poll(() => attempts().length, { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
    expect(new Set(attempts().map(({ code }) => code))).toEqual(new Set(['engine_error']));
    await registry.start();
    expect(await reply).toMatchObject({ status: 200, output: `${registry.address}/suite/pulled:1\n` });
    expect(await server.verdict('patient')).toMatchObject({ verdict: 'valid', counts: { calls: 1, ok: 1 } });
    await server.request('DELETE', '/v1/rollouts/patient');
    await expect.poll(() => world.containers(), { timeout: 60_000 }).toEqual([]);
  });

  it('is pulled once for a burst that finds it gone, and all are answered', async () => {
    await docker('image', 'rm', reference);
    // Events are told by the second.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const began = Math.floor(Date.now() / 1000);
    const replies = await Promise.all(
      Array.from({ length: BURST }, (_, nth) => look('pulled', `burst-${String(nth)}`)),
    );
    expect(replies.map(({ status, output }) => [status, output])).toEqual(
      replies.map(() => [200, `${registry.address}/suite/pulled:1\n`]),
    );
    expect(await pullsSince(began)).toHaveLength(1);
  });
});

describe('an image of a registry that asks for a login', () => {
  const logins = mkdtempSync(join(tmpdir(), 'faultline-logins-'));

  beforeAll(async () => {
    registry = await Registry.open(true);
    vi.stubEnv('DOCKER_CONFIG', logins);
    await docker('login', '-u', MEMBER.name, '-p', MEMBER.password, registry.address);
    reference = await push();
    vi.unstubAllEnvs();
    world = new World();
    world.addImage('private', reference);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    if (await isThere()) await docker('image', 'rm', reference);
    await registry[Symbol.asyncDispose]();
    rmSync(logins, { recursive: true });
  });

  it("is the task's fault while nobody has logged in, and is pulled as docker login says", async () => {
    server = await world.start();
    expect((await look('private', 'stranger')).status).toBe(503);
    expect(await server.verdict('stranger')).toMatchObject({ reasons: ['image_missing'] });
    await server.stop();
    server = await world.start({ DOCKER_CONFIG: logins });
    expect(await look('private', 'member')).toMatchObject({
      status: 200,
      output: `${registry.address}/suite/pulled:1\n`,
    });
  });
});
