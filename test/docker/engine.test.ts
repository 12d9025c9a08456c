import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import type { Ending, StartFailure, Work } from '../../src/protocol/messages.ts';
import { DockerEngine } from '../../src/sandbox/docker/docker-engine.ts';
import { probeSpec } from '../../src/sandbox/docker/probe-spec.ts';
import { SandboxFault, type Sandbox, type SandboxSpec } from '../../src/sandbox/sandbox.ts';
import { docker } from './support/docker.ts';

const LIMITS = { timeoutMs: 10_000, keepBytes: 65_536, outputBytes: 1 << 20 };
const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
const controllerId = `engine-test-${String(process.pid)}`;

let engine: DockerEngine;

/** Another build of sandboxd may be tried without installing it. */
const folder = process.env['FAULTLINE_SANDBOXD_FOLDER'];
const sandboxd =
  folder === undefined
    ? {}
    : { sandboxd: { sandboxd: `${folder}/sandboxd`, interpreter: `${folder}/interpreter.py` } };
const connect = () => DockerEngine.connect({ controllerId, clock: systemClock, log: LOG, ...sandboxd });
const soon = (ms = 60_000) => Deadline.after(systemClock, 'sandbox_start', ms);

function specOf(reference: string, changes: Partial<SandboxSpec['policy']> = {}): SandboxSpec {
  const spec = probeSpec(reference);
  const limits = { ...spec.policy.limits, memory: 256 * 2 ** 20, processes: 64 };
  return { ...spec, poolClass: 'test', policy: { ...spec.policy, limits, ...changes } };
}

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

/** Above the numbers that the engine's own readiness check uses. */
let lastCall = 16;
async function run(sandbox: Sandbox, work: Work): Promise<Ending | StartFailure> {
  lastCall += 1;
  const ending = await sandbox.run(lastCall, work, LIMITS);
  sandbox.acknowledge(lastCall);
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
  engine = await connect();
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
  const next = await connect();
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

test('what is written as a file is read again, by the file calls and by the shell', async () => {
  await using made = await start(specOf('faultline/busybox'));
  const data = Buffer.from([0, 1, 10, 255]);
  const written = await run(made.sandbox, {
    kind: 'write-file',
    path: '/tmp/a/b',
    offset: 0,
    data,
    mode: 0o644,
  });
  expect(written).toMatchObject({ type: 'exited', errno: 0 });
  const read = await run(made.sandbox, { kind: 'read-file', path: '/tmp/a/b', offset: 1, length: 100 });
  expect(read.type === 'exited' && Buffer.from(read.payload)).toEqual(data.subarray(1));
  expect(await shell(made.sandbox, 'wc -c < /tmp/a/b')).toMatchObject({ stdout: '4\n' });
  const denied = await run(made.sandbox, {
    kind: 'write-file',
    path: '/root/x',
    offset: 0,
    data,
    mode: 0o644,
  });
  expect(denied).toMatchObject({ type: 'exited', errno: 13 });
});

test('limits arrive in the container', async () => {
  await using made = await start(specOf('faultline/busybox'));
  const { stdout } = await shell(made.sandbox, 'ulimit -n; ulimit -c; hostname');
  expect(stdout).toBe('256\n0\nsandbox\n');
  const ending = await run(made.sandbox, { kind: 'probe' });
  expect(ending.before).toMatchObject({ memoryLimitBytes: 256 * 2 ** 20, pidsLimit: 64 });
});

test('a second engine adopts a sandbox and finds the ending that nobody collected', async () => {
  const first = await connect();
  const { handle } = await first.start(specOf('faultline/busybox'), soon());
  const original = await first.adopt(handle, soon());
  original.run(40, { kind: 'shell', command: 'echo kept; exit 3' }, LIMITS).catch(() => undefined);
  const { stdout } = await shell(original, 'echo mine');
  expect(stdout).toBe('mine\n');
  await first[Symbol.asyncDispose]();

  const listed = await engine.list(soon());
  expect(listed.map(({ id }) => id)).toContain(handle.id);
  const adopted = await engine.adopt(handle, soon());
  const ending = await adopted.run(40, { kind: 'shell', command: 'echo never' }, LIMITS);
  expect(ending.type === 'exited' && Buffer.from(ending.stdout.head).toString()).toBe('kept\n');
  await engine.remove(handle, soon());
});

test('removing twice succeeds, and what was removed can be neither used nor adopted', async () => {
  const sandbox = await engine.start(specOf('faultline/busybox'), soon());
  await engine.remove(sandbox.handle, soon());
  await engine.remove(sandbox.handle, soon());
  expect(await faultOf(shell(sandbox, 'true'))).toMatchObject({ code: 'lost', executed: 'no' });
  expect(await faultOf(engine.adopt(sandbox.handle, soon()))).toMatchObject({ code: 'lost' });
  expect(await engine.postMortem(sandbox.handle, soon())).toMatchObject({
    container: 'gone',
    foreignKill: false,
  });
});

test("an operator's docker kill in the middle of a command is a loss with a foreign kill", async () => {
  await using made = await start(specOf('faultline/busybox'));
  await shell(made.sandbox, 'true');
  const running = faultOf(shell(made.sandbox, 'sleep 600'));
  await docker('kill', made.sandbox.handle.id);
  const fault = await running;
  expect(fault.code).toBe('lost');
  expect(fault.executed).not.toBe('no');
  expect(await made.sandbox.lost).toMatchObject({ code: 'lost' });
  expect(await engine.postMortem(made.sandbox.handle, soon())).toMatchObject({
    container: 'exited', foreignKill: true, oomFlag: false, evidenceGap: false, engineDisturbed: false,
  }); // prettier-ignore
});

test("an operator's docker restart is another instance, not a second start", async () => {
  await using made = await start(specOf('faultline/busybox'));
  await docker('restart', '-t', '0', made.sandbox.handle.id);
  expect(await made.sandbox.lost).toMatchObject({ code: 'lost' });
});

test('a live sandbox examined: running, nobody killed it', async () => {
  await using made = await start(specOf('faultline/busybox'));
  const seen = await engine.postMortem(made.sandbox.handle, soon());
  expect(seen).toMatchObject({ container: 'running', foreignKill: false, oomFlag: false });
});

test.each(['faultline/no-such-image', 'Not A Reference'])(
  '%s: the image is missing, and nothing is left',
  async (image) => {
    expect(await faultOf(engine.start(specOf(image), soon()))).toMatchObject({
      code: 'image_missing',
      executed: 'no',
    });
  },
);

test('a start that runs out of time is given up at once and swept away', async () => {
  const fault = await faultOf(engine.start(specOf('faultline/busybox'), soon(5)));
  expect(fault.code).toBe('start_timeout');
});

test('a runtime that the engine does not know is the engine operator’s error, not the image’s', async () => {
  const fault = await faultOf(
    engine.start(specOf('faultline/busybox', { runtime: 'no-such-runtime' }), soon()),
  );
  expect(fault.code).toBe('engine_error');
});

test('an engine that is not there is engine_down', async () => {
  const nowhere = DockerEngine.connect({
    dockerHost: 'unix:///nowhere.sock',
    controllerId,
    clock: systemClock,
    log: LOG,
    ...sandboxd,
  });
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

test('an image whose tree cannot hold a sandbox is broken, which is the task’s', async () => {
  const image = `faultline-${controllerId}:broken`;
  const seed = await docker('create', 'faultline/busybox');
  await docker('commit', '-c', 'WORKDIR /bin/busybox', seed, image);
  await docker('rm', seed);
  try {
    expect(await faultOf(engine.start(specOf(image), soon()))).toMatchObject({ code: 'image_broken' });
  } finally {
    await docker('rmi', image);
  }
});
