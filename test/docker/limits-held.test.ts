import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import type { Policy } from '../../src/policy/schema.ts';
import { DockerEngine } from '../../src/sandbox/docker/docker-engine.ts';
import { probeSpec } from '../../src/sandbox/docker/probe-spec.ts';
import { ACCEPTABLE, type LimitName } from '../../src/sandbox/limit-findings.ts';
import { AlteringEngine, type CreateRequest } from './support/altering-engine.ts';
import { docker } from './support/docker.ts';
import { noLog } from './support/docker-subject.ts';
import { World } from './support/server.ts';

/** A real engine whose create requests lose one limit on the way, as an engine that accepts and discards it. */

const CONTROLLER = `limits-${String(process.pid)}`;
const seccompProfiles = new Map([['sandbox', readFileSync('policies/seccomp/sandbox.json', 'utf8')]]);

let machine: AlteringEngine;
let engine: DockerEngine;
let tolerant: DockerEngine;
const connect = (acceptedLimits: ReadonlySet<LimitName>) =>
  DockerEngine.connect({
    controllerId: CONTROLLER,
    dockerHost: machine.address,
    clock,
    log: noLog,
    seccompProfiles,
    acceptedLimits,
  });
beforeAll(async () => {
  machine = await AlteringEngine.open();
  engine = await connect(new Set());
  tolerant = await connect(new Set(ACCEPTABLE));
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await tolerant[Symbol.asyncDispose]();
  await machine[Symbol.asyncDispose]();
  expect(await docker('ps', '-aq', '--filter', `label=faultline.controller=${CONTROLLER}`)).toBe('');
});

/** Root, so that only the filter and the mounts keep it from PID 1; asks for every limit but the disk's. */
function policyOf(name: string): Policy {
  const { policy } = probeSpec('unused');
  return {
    ...policy,
    name,
    user: { uid: 0, gid: 0 },
    capabilities: ['CHOWN', 'DAC_OVERRIDE'],
    read_only_root: true,
    seccomp: 'sandbox',
    limits: { ...policy.limits, tmp: 4 * 2 ** 20, work: 8 * 2 ** 20 },
  };
}

const soon = () => Deadline.after(clock, 'sandbox_start', 60_000);

/** A start of this sandbox policy, on an image that has a shell. */
function start(on: DockerEngine, policy: Policy) {
  const image = { name: 'busybox', reference: 'faultline/busybox', shell: true, python: false };
  return on.start({ poolClass: 'limits', image, policy }, soon());
}

const withoutUlimit = (name: string) => (body: CreateRequest) => {
  const limits = body.HostConfig['Ulimits'] as { Name: string }[];
  body.HostConfig['Ulimits'] = limits.filter(({ Name }) => Name !== name);
};
const without =
  (...names: string[]) =>
  ({ HostConfig: host }: CreateRequest) => {
    for (const name of names) Reflect.deleteProperty(host, name);
  };
const withoutOption = (pattern: RegExp) => (body: CreateRequest) => {
  body.HostConfig['SecurityOpt'] = (body.HostConfig['SecurityOpt'] as string[]).filter(
    (option) => !pattern.test(option),
  );
};
const discards: readonly [LimitName, (body: CreateRequest) => void][] = [
  ['memory', without('Memory', 'MemorySwap')],
  ['processes', without('PidsLimit')],
  ['cpus', without('NanoCpus')],
  ['open_files', withoutUlimit('nofile')],
  ['file_size', withoutUlimit('fsize')],
  ['tmp', ({ HostConfig: host }) => Reflect.deleteProperty(host['Tmpfs'] as object, '/tmp')],
  ['work', ({ HostConfig: host }) => Reflect.deleteProperty(host['Tmpfs'] as object, '/work')],
  ['shm', without('ShmSize')],
  ['network', (body) => void (body.NetworkDisabled = false)],
  ['read_only_root', without('ReadonlyRootfs')],
  ['capabilities', ({ HostConfig: host }) => void (host['CapAdd'] = ['SETUID', 'SETGID', 'SETPCAP', 'KILL'])],
  ['new_privileges', withoutOption(/no-new-privileges/)],
  ['first_process', without('ReadonlyPaths')],
];

describe('a limit that the engine discards', () => {
  it.each(discards)(
    '%s: the sandbox policy is refused for it, unless it is accepted',
    async (limit, discard) => {
      const policy = policyOf(`without-${limit}`);
      machine.alter = (body) => (discard(body), []);
      await expect(start(engine, policy)).rejects.toMatchObject({
        code: 'engine_error',
        message: expect.stringMatching(
          new RegExp(`"without-${limit}" is not used.*: ${limit} \\(asked`),
        ) as string,
      });
      expect((await engine.tryPolicy(policy)).refusedFor).toEqual([limit]);
      const sandbox = await start(tolerant, policy);
      await tolerant.remove(sandbox.handle, soon());
    },
  );

  it('seccomp: and with it PID 1 is in reach of root', async () => {
    machine.alter = ({ HostConfig: host }) => {
      host['SecurityOpt'] = ['no-new-privileges', 'seccomp=unconfined'];
      return [];
    };
    const { refusedFor } = await engine.tryPolicy(policyOf('unfiltered'));
    expect(refusedFor).toEqual(['seccomp', 'first_process']);
  });

  it('with a warning alone', async () => {
    machine.alter = () => ['Your kernel does not support PIDs limit capabilities. PIDs limit discarded.'];
    await expect(start(engine, policyOf('warned'))).rejects.toMatchObject({
      message: expect.stringContaining('processes (asked no warning, found Your kernel') as string,
    });
  });

  it('disk: accepted and not held, as by an image store of containerd', async () => {
    machine.alter = (body) => (without('StorageOpt')(body), []);
    await using other = await connect(new Set());
    expect(other.capabilities.diskLimit).toBe(false);
  });
});

it('an engine that discards nothing is not suspected, and equal sandbox policies are tried once', async () => {
  const made: string[] = [];
  machine.alter = ({ HostConfig: host }) => (made.push(String(host['PidsLimit'])), []);
  const policy = policyOf('held');
  const all = await Promise.all([start(engine, policy), start(engine, policy), start(engine, policy)]);
  for (const { handle } of all) await engine.remove(handle, soon());
  expect((await engine.tryPolicy(policy)).refusedFor).toEqual([]);
  expect(made).toHaveLength(4);
});

it('a server on such an engine says so at its start and answers 503; where the limit is accepted, it serves', async () => {
  machine.alter = (body) => (without('PidsLimit')(body), []);
  await using world = new World();
  const refusing = await world.start({ DOCKER_HOST: machine.address });
  expect(refusing.said()).toMatch(/"limit":"processes".*the sandbox policy is not used/);
  const refused = await refusing.tool('shell', 'refused', 'call', { command: 'echo $((6*7))' });
  expect(refused.status).toBe(503);
  expect(await refusing.verdict('refused')).toMatchObject({ verdict: 'exclude' });
  await refusing.stop();
  const serving = await world.start({ DOCKER_HOST: machine.address, FAULTLINE_ACCEPTED_LIMITS: 'processes' });
  expect(serving.said()).toMatch(/"limit":"processes".*which is accepted/);
  const served = await serving.tool('shell', 'served', 'call', { command: 'echo $((6*7))' });
  expect(served.output).toBe('42\n');
  await serving.stop();
});
