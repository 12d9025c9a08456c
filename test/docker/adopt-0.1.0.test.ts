import { mkdirSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import { DockerEngine } from '../../src/sandbox/docker/docker-engine.ts';
import type { Work } from '../../src/protocol/messages.ts';
import { docker } from './support/docker.ts';
import { OldVolume, oldJournal } from './support/old-layout.ts';
import { World, type Server } from './support/server.ts';

const NO_LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
const LIMITS = { timeoutMs: 60_000, keepBytes: 65_536, outputBytes: 2 ** 20 };
const WAIT = { timeout: 60_000, interval: 200 };
const soon = () => Deadline.after(systemClock, 'engine_request', 60_000);

/** As the recorded journal has them. */
const FIRST = { command: 'export KEPT=yes; echo begun' };
const INTERRUPTED = { command: 'sleep 7; echo $KEPT' };

let world: World;
let volume: OldVolume;
/** Of the rollout, and one of the warm pool. */
let claimed: string;
let warm: string;

/** A data folder and an engine as a server of version 0.1.0 leaves them that is killed while a call runs. */
beforeEach(async () => {
  world = new World();
  volume = await OldVolume.fill();
  const controllerId = randomUUID();
  const data = join(world.folder, 'data');
  mkdirSync(join(data, 'journal'), { recursive: true });
  writeFileSync(join(data, 'controller-id'), `${controllerId}\n`);
  claimed = await volume.start(controllerId);
  warm = await volume.start(controllerId);
  await volume.release();
  const instance = await beginCalls(controllerId, claimed);
  const journal = oldJournal({ id: claimed, instance });
  writeFileSync(join(data, 'journal/20261128T044133681Z-000001.jsonl'), journal);
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await volume[Symbol.asyncDispose]();
});

/** The calls that the journal tells of, and Python beside them. @returns the instance of the in-sandbox process */
async function beginCalls(controllerId: string, id: string): Promise<string> {
  const options = { controllerId, clock: systemClock, log: NO_LOG };
  await using engine = await DockerEngine.connect(options);
  const handle = { engine: 'docker', id, instance: null, poolClass: 'base/default' };
  const sandbox = await engine.adopt(handle, soon());
  const works: Work[] = [
    { kind: 'python', code: 'x = 41' },
    { kind: 'shell', command: FIRST.command },
  ];
  for (const [before, work] of works.entries()) {
    const number = before + 1;
    expect(await sandbox.run(number, work, LIMITS)).toMatchObject({ waitStatus: 0 });
    sandbox.acknowledge(number);
  }
  const cutOff = sandbox.run(3, { kind: 'shell', command: INTERRUPTED.command }, LIMITS).catch(() => null);
  await vi.waitUntil(async () => (await docker('top', id, '-eo', 'pid,args')).includes('sleep 7'), WAIT);
  void cutOff;
  return sandbox.handle.instance ?? '';
}

const output = async (server: Server, call: string, tool: string, args: object): Promise<string | null> =>
  (await server.tool(tool, 'r-interrupted', call, args)).output;

it('a sandbox of version 0.1.0 is gone on with where it was left, and what it used goes when it ends', async () => {
  const server = await world.start({ LOG_LEVEL: 'info' });
  await vi.waitUntil(() => server.said().includes('"sandboxes":2,"unclaimed":1,"interrupted":1'), WAIT);
  expect(server.said()).toContain(volume.name);

  expect(await output(server, 'c2', 'shell', INTERRUPTED)).toBe('yes\n');
  expect(world.events('call_intended', 'r-interrupted')).toHaveLength(2);
  const stored = await server.tool('shell', 'r-interrupted', 'c1', FIRST);
  expect([stored.output, stored.headers.get('x-faultline-replayed')]).toEqual(['begun\n', 'true']);
  expect(await output(server, 'c3', 'shell', { command: 'echo $KEPT' })).toBe('yes\n');
  expect(await output(server, 'c4', 'python', { code: 'x + 1' })).toBe('42\n');
  expect(world.claims('r-interrupted')).toEqual([claimed]);
  expect(await server.verdict('r-interrupted')).toMatchObject({
    verdict: 'valid',
    counts: { calls: 4, ok: 4 },
  });

  await vi.waitUntil(async () => !(await world.containers()).includes(warm), WAIT);
  await output(server, 'c5', 'python', { code: 'import os; os._exit(1)' });
  expect(await output(server, 'c6', 'python', { code: '1 + 1' })).toBe('2\n');
  await server.request('DELETE', '/v1/rollouts/r-interrupted');
  await vi.waitUntil(async () => !(await volume.exists()), WAIT);
  expect(await world.containers()).toEqual([]);
});

it('a sandbox of version 0.1.0 that is gone is rebuilt from its journal, in one of this version', async () => {
  await docker('kill', claimed);
  const server = await world.start();
  expect(await output(server, 'c2', 'shell', INTERRUPTED)).toBe('yes\n');
  expect(await server.verdict('r-interrupted')).toMatchObject({
    verdict: 'valid',
    recovered: 'replay',
    counts: { calls: 2, ok: 1, recovered: 1 },
  });
  await vi.waitUntil(async () => !(await volume.exists()), WAIT);
});
