import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { promisify } from 'node:util';
import PQueue from 'p-queue';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import type { Task } from '../../src/policy/schema.ts';
import { readSeccompProfile } from '../../src/policy/seccomp.ts';
import { SandboxdClient } from '../../src/sandbox/sandboxd-client.ts';
import { SandboxdVolume, BUILT_SANDBOXD } from '../../src/sandbox/docker/sandboxd-volume.ts';
import { startContainer } from '../../src/sandbox/docker/container-start.ts';
import { containerOptions, LABELS } from '../../src/sandbox/docker/container-spec.ts';
import { DockerConnection } from '../../src/sandbox/docker/docker-connection.ts';
import { callLimits } from '../../src/tools/tool.ts';
import { TOKEN, World } from '../docker/support/server.ts';
import { measured, removeAll, type Burst } from './burst-meter.ts';

const POLL_MS = 50;
/** Relative to the project's folder, where every benchmark is started. */
export const POLICIES = 'policies';
const LIMIT_MS = 600_000;
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

/** Ours through HTTP. Each burst has a server of its own, so that nothing is remembered from one to the next. */
export async function ours(count: number, warm: boolean): Promise<{ burst: Burst; leaked: number }> {
  await using world = new World();
  const server = await world.start();
  if (warm) {
    const ready = async (): Promise<number> =>
      ((await send(server.url, '/v1/prewarm', { count })) as { ready: number }).ready;
    while ((await ready()) < count) await sleep(POLL_MS * 4);
  }
  const answers = Array.from(
    { length: count },
    (_, nth) => () => firstAnswer(server.url, `r-${String(nth)}`),
  );
  const burst = await measured(warm ? 'ours, warm' : 'ours, cold', answers, server.process.pid ?? null);
  await server.stop();
  const leaked = (await world.containers()).length;
  return { burst, leaked };
}

async function firstAnswer(url: string, rollout: string): Promise<void> {
  const call = { type: 'function_call', id: 'fc', call_id: 'call_1', name: 'shell', trace_id: rollout };
  const reply = (await send(url, '/v1/tools/shell', { ...call, arguments: '{"command":"true"}' })) as {
    output?: string;
  };
  if (reply.output !== '(no output)') throw new Error(`"true" was answered with ${JSON.stringify(reply)}`);
}

function send(url: string, path: string, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const sent = request(url + path, { method: 'POST', agent, headers, timeout: LIMIT_MS }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () => {
        resolve(JSON.parse(Buffer.concat(chunks).toString()));
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

/** A dockerode loop with the same options and sandboxd, and `atOnce` simultaneous starts; then all sandboxds alone at once. */
export async function bare(task: Task, runtime: string, count: number, atOnce: number): Promise<Burst[]> {
  const connection = new DockerConnection(systemClock);
  const controllerId = `bench-${randomBytes(4).toString('hex')}`;
  const volume = await SandboxdVolume.load(connection, controllerId, BUILT_SANDBOXD);
  await volume.fill(deadline());
  const spec = { image: task.image, policy: task.policy, poolClass: 'bench' };
  const { layers: sandboxdLayers } = volume;
  const { seccomp: name } = task.policy;
  const seccomp = name === 'engine' ? null : readSeccompProfile(POLICIES, name);
  const context = {
    controllerId,
    sandboxdLayers,
    runtime,
    seccomp,
    ownUser: 0,
    diskQuota: false,
    cgroupVersion: (await connection.info(deadline())).cgroupVersion,
    egressSocket: null,
  };
  const options = containerOptions(spec, context);
  const clients: SandboxdClient[] = [];
  const queue = new PQueue({ concurrency: atOnce });
  const limits = callLimits(task.policy, task.policy.times.call_default);
  const start = async (): Promise<void> => {
    const { id, attach } = await startContainer(connection, options, [], deadline());
    const handle = { engine: 'docker', id, instance: null, poolClass: 'bench' };
    const client = await SandboxdClient.open({ attach, clock: systemClock, handle }, deadline());
    await client.run(1, { kind: 'shell', command: 'true' }, limits);
    clients.push(client);
  };
  const call = async (client: SandboxdClient): Promise<void> => {
    await client.run(2, { kind: 'shell', command: 'true' }, limits);
  };
  try {
    const loop = await measured(
      `dockerode loop, ${String(atOnce)} at once`,
      Array.from({ length: count }, () => () => queue.add(start)),
    );
    const sandboxds = await measured(
      'sandboxd alone',
      clients.map((client) => () => call(client)),
    );
    return [loop, sandboxds];
  } finally {
    for (const client of clients) client.detach();
    await removeAll(`${LABELS.controller}=${controllerId}`);
  }
}

/** The simplest solution: `docker run` for each rollout, with the default network, all at once. */
export async function dockerRun(image: string, count: number): Promise<Burst> {
  const label = `faultline.bench=${randomBytes(4).toString('hex')}`;
  const run = promisify(execFile);
  const answers = Array.from({ length: count }, () => async () => {
    await run('docker', ['run', '--label', label, image, 'sh', '-c', 'true'], { timeout: LIMIT_MS });
  });
  try {
    return await measured('docker run', answers);
  } finally {
    await removeAll(label);
  }
}

function deadline(): Deadline {
  return Deadline.after(systemClock, 'engine_request', LIMIT_MS);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
