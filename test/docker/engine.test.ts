import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import type { Ending, StartFailure, Work } from '../../src/protocol/messages.ts';
import type { DockerEngine } from '../../src/sandbox/docker/docker-engine.ts';
import { SandboxFault, type Sandbox, type SandboxSpec } from '../../src/sandbox/sandbox.ts';
import { MEMORY_BYTES, PROCESSES, specOf } from '../conformance/spec.ts';
import { docker } from './support/docker.ts';
import { connectDocker } from './support/docker-subject.ts';

/** What Docker alone has; what every engine promises is in `test/conformance`. */

const LIMITS = { timeoutMs: 10_000, keepBytes: 65_536, outputBytes: 1 << 20 };
const controllerId = `engine-test-${String(process.pid)}`;

let engine: DockerEngine;

const soon = () => Deadline.after(systemClock, 'sandbox_start', 60_000);

/** Removed at the end of its block, whatever happened. */
async function start(spec: SandboxSpec) {
  const sandbox = await engine.start(spec, soon());
  return {
    sandbox,
    async [Symbol.asyncDispose]() {
      await engine.remove(sandbox.handle, soon());
    },
  };
}

async function run(sandbox: Sandbox, work: Work): Promise<Ending | StartFailure> {
  const number = sandbox.lastCall + 1;
  const ending = await sandbox.run(number, work, LIMITS);
  sandbox.acknowledge(number);
  return ending;
}

async function shell(
  sandbox: Sandbox,
  command: string,
): Promise<{ status: number; stdout: string; stderr: string }> {
  const ending = await run(sandbox, { kind: 'shell', command });
  if (ending.type !== 'exited') throw new Error(`start failed: errno ${String(ending.errno)}`);
  const text = (stream: Ending['stdout']) => Buffer.concat([stream.head, stream.tail]).toString();
  return { status: ending.waitStatus >> 8, stdout: text(ending.stdout), stderr: text(ending.stderr) };
}

async function faultOf(promise: Promise<unknown>): Promise<SandboxFault> {
  const error = await promise.then(() => null, (reason: unknown) => reason); // prettier-ignore
  expect(error).toBeInstanceOf(SandboxFault);
  return error as SandboxFault;
}

beforeAll(async () => {
  engine = await connectDocker({ controllerId });
});

afterAll(async () => {
  await vi.waitUntil(() => engine.abandoned === 0, { timeout: 30_000 });
  const left = await engine.list(soon());
  await engine[Symbol.asyncDispose]();
  expect(left).toEqual([]);
});

const IMAGES = ['faultline/base', 'faultline/minimal', 'faultline/busybox'];

test.each(IMAGES)('%s: a shell as the policy user, without network or capabilities', async (image) => {
  await using made = await start(specOf(image));
  const seen = await shell(
    made.sandbox,
    'id -u; grep -E "CapEff|CapBnd|NoNewPrivs" /proc/self/status; ls /sys/class/net',
  );
  expect(seen.stdout.replaceAll(/\s+/g, ' ').trim()).toBe(
    '65534 CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1 lo',
  );
  expect(await shell(made.sandbox, 'exit 7')).toMatchObject({ status: 7 });
  expect(made.sandbox.offers.shell).not.toBeNull();
});

test('the volume of a sandbox that somebody else removed is removed at the next start', async () => {
  const volumes = () =>
    docker('volume', 'ls', '-q', '--filter', `label=faultline.controller=${controllerId}`);
  const { handle } = await engine.start(specOf('faultline/busybox'), soon());
  await docker('rm', '-f', handle.id);
  expect(await volumes()).toMatch(/^[0-9a-f]{64}$/);
  const next = await connectDocker({ controllerId });
  expect(await volumes()).toBe('');
  await next[Symbol.asyncDispose]();
  await engine.remove(handle, soon());
});

test('an image with nothing in it starts, and says that it has no shell', async () => {
  await using made = await start(specOf('faultline/empty'));
  expect(made.sandbox.offers).toEqual({ shell: null, python: null });
  expect(await run(made.sandbox, { kind: 'shell', command: 'true' })).toMatchObject({
    type: 'start-failed',
    stage: 'exec',
  });
});

test('limits arrive in the container', async () => {
  await using made = await start(specOf('faultline/busybox'));
  const { stdout } = await shell(made.sandbox, 'ulimit -n; ulimit -c; hostname');
  expect(stdout).toBe('256\n0\nsandbox\n');
  const ending = await run(made.sandbox, { kind: 'probe' });
  expect(ending.before).toMatchObject({ memoryLimitBytes: MEMORY_BYTES, pidsLimit: PROCESSES });
});

test("an operator's docker restart is another instance, not a second start", async () => {
  await using made = await start(specOf('faultline/busybox'));
  await docker('restart', '-t', '0', made.sandbox.handle.id);
  expect(await made.sandbox.lost).toMatchObject({ code: 'lost' });
});

test('what is no reference of an image is a missing image', async () => {
  expect(await faultOf(engine.start(specOf('Not A Reference'), soon()))).toMatchObject({
    code: 'image_missing',
    executed: 'no',
  });
});

test('a runtime that the engine does not know is the engine operator’s error, not the image’s', async () => {
  const fault = await faultOf(
    engine.start(specOf('faultline/busybox', { runtime: 'no-such-runtime' }), soon()),
  );
  expect(fault.code).toBe('engine_error');
});

test('an engine that is not there is engine_down', async () => {
  const nowhere = connectDocker({ dockerHost: 'unix:///nowhere.sock', controllerId });
  expect(await faultOf(nowhere)).toMatchObject({ code: 'engine_down' });
});

test('an image that declares a volume or a health check leaves nothing and runs nothing', async () => {
  const image = `faultline-${controllerId}:volume`;
  const seed = await docker('create', 'faultline/busybox');
  await docker('commit', '-c', 'VOLUME /data', '-c', 'HEALTHCHECK CMD true', seed, image);
  await docker('rm', seed);
  try {
    const sandbox = await engine.start(specOf(image), soon());
    const format = '{{json .Mounts}} {{json .State.Health}}';
    const shown = await docker('inspect', '-f', format, sandbox.handle.id);
    const volume = /"Name":"([0-9a-f]{64})"/.exec(shown)?.[1] ?? 'none declared';
    expect(shown).toMatch(/ null$/);
    await engine.remove(sandbox.handle, soon());
    const left = await docker('volume', 'ls', '-q');
    expect(left).not.toContain(volume);
    expect(left).toMatch(/^faultline-sandboxd-[0-9a-f]{16}$/m);
  } finally {
    await docker('rmi', image);
  }
});
