import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CgroupPaths, findCgroupPaths } from '../../../src/sandbox/docker/cgroup-paths.ts';
import { CpuWeights } from '../../../src/sandbox/docker/cpu-weights.ts';
import { HostUse } from '../../../src/sandbox/docker/host-use.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { noLog } from '../support/no-log.ts';
import { HostTree, type Use } from './host-tree.ts';

const GiB = 2 ** 30;
const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const scope = (id: string): string => `system.slice/docker-${id}.scope`;

interface Scene extends Disposable {
  readonly tree: HostTree;
  readonly use: HostUse;
  readonly paths: CgroupPaths;
  /** Time passes, the sandboxes have used this much, and a round is made. */
  pass(
    seconds: number,
    uses: Readonly<Record<string, Partial<Use>>>,
    live?: readonly string[],
  ): Promise<void>;
}

async function open(): Promise<Scene> {
  const tree = new HostTree();
  const clock = new ManualClock();
  tree.container(scope(A));
  const paths = await findCgroupPaths(A, 1, tree.roots);
  if (paths === null) throw new Error('not found');
  const use = new HostUse(paths, tree.roots, clock);
  return {
    ...{ tree, use, paths },
    async pass(seconds, uses, live = Object.keys(uses)) {
      await clock.advance(seconds * 1000);
      for (const [id, one] of Object.entries(uses)) tree.container(scope(id), one);
      await use.look(new Set(live), true);
    },
    [Symbol.dispose]: () => {
      tree[Symbol.dispose]();
    },
  };
}

describe('where control groups are', () => {
  const account = (path: string): string => `0::${path}\n`;

  it.each([
    ['a parent of the operator’s', `/sandboxes.slice/docker-${A}.scope`, `sandboxes.slice/docker-${A}.scope`],
    ['crun under systemd, which puts processes one level lower', `/${scope(A)}/container`, scope(A)],
    [
      'a rootless engine',
      `/user.slice/user@1000.service/docker-${A}.scope`,
      `user.slice/user@1000.service/docker-${A}.scope`,
    ],
  ])('is read from the process’s own account: %s', async (_, path, folder) => {
    using tree = new HostTree();
    tree.container(folder);
    tree.proc('77/cgroup', account(path));
    const paths = await findCgroupPaths(A, 77, tree.roots);
    expect(paths?.of('memory', B)).toBe(join(tree.roots.cgroup, folder.replace(A, B)));
  });

  it('is the usual place where the pid is another process’s, as in a container', async () => {
    using tree = new HostTree();
    tree.container(`docker/${A}`);
    tree.proc('77/cgroup', account('/init.scope'));
    const paths = await findCgroupPaths(A, 77, tree.roots);
    expect(paths?.of('cpu', A)).toBe(join(tree.roots.cgroup, 'docker', A));
  });

  it('is unknown where nothing is found', async () => {
    using tree = new HostTree();
    expect(await findCgroupPaths(A, 77, tree.roots)).toBeNull();
  });
});

describe('the share of processors', () => {
  it('is small where others kept all of them busy', async () => {
    using scene = await open();
    await scene.pass(1, { [A]: {} });
    await scene.pass(10, { [A]: { usedS: 2 } });
    expect(await scene.use.processorsUsed(1_000)).toBeCloseTo(2 / 40);
  });

  it('is unknown where processors were idle: whoever waited chose to', async () => {
    using scene = await open();
    await scene.pass(1, { [A]: {}, [B]: {} });
    scene.tree.idle(9);
    await scene.pass(10, { [A]: { usedS: 5 }, [B]: { usedS: 5 } });
    expect(await scene.use.processorsUsed(1_000)).toBeNull();
  });

  it('is of the quota that a group above gives to all sandboxes', async () => {
    using scene = await open();
    scene.tree.group('system.slice/cpu.max', '100000 100000\n');
    await scene.pass(1, { [A]: {} });
    await scene.pass(10, { [A]: { usedS: 9 } });
    expect(await scene.use.processorsUsed(1_000)).toBeCloseTo(0.9);
  });

  it('is of the processors that sandboxes may run on', async () => {
    using scene = await open();
    scene.tree.group('system.slice/cpuset.cpus.effective', '2-3\n');
    await scene.pass(1, { [A]: {} });
    await scene.pass(10, { [A]: { usedS: 19 } });
    expect(await scene.use.processorsUsed(1_000)).toBeCloseTo(0.95);
  });

  it('is unknown where one live sandbox is not measured', async () => {
    using scene = await open();
    await scene.pass(1, { [A]: {} }, [A, B]);
    await scene.pass(10, { [A]: { usedS: 2 } }, [A, B]);
    expect(await scene.use.processorsUsed(1_000)).toBeNull();
  });

  it('is unknown where measuring began after the call, or the host’s account can’t be read', async () => {
    using scene = await open();
    await scene.pass(10, { [A]: {} });
    await scene.pass(10, { [A]: { usedS: 2 } });
    expect(await scene.use.processorsUsed(1_000)).toBeNull();
    scene.tree.proc('stat', '');
    await scene.pass(1, { [A]: { usedS: 2 } });
    expect(await scene.use.processorsUsed(10_000)).toBeNull();
  });
});

describe('memory', () => {
  it('counts refusals of the container’s own groups since the call began, and the sandboxes’ share', async () => {
    using scene = await open();
    await scene.pass(1, { [A]: { memory: GiB, oom: 3 }, [B]: { memory: GiB } });
    const before = scene.use.limitHits(A);
    await scene.pass(1, { [A]: { memory: GiB, oom: 4 }, [B]: { memory: 2 * GiB } });
    expect(await scene.use.memory(A, 1_000, before)).toEqual({ ownLimitHits: 1, sandboxesUsed: 3 / 16 });
    expect(await scene.use.memory(B, 1_000, 0)).toEqual({ ownLimitHits: 0, sandboxesUsed: 3 / 16 });
  });

  it('counts all refusals of a sandbox that was not read before', async () => {
    using scene = await open();
    await scene.pass(1, {});
    const before = scene.use.limitHits(A);
    await scene.pass(1, { [A]: { oom: 1 } });
    expect(await scene.use.memory(A, 1_000, before)).toMatchObject({ ownLimitHits: 1 });
  });

  it('sees what was allocated and freed between two rounds', async () => {
    using scene = await open();
    await scene.pass(1, { [A]: {} });
    await scene.pass(1, { [A]: { memory: GiB, peak: 9 * GiB } });
    expect(await scene.use.memory(A, 1_000, 0)).toMatchObject({ sandboxesUsed: 9 / 16 });
  });

  it('is of the limit that sandboxes share; what somebody takes away meanwhile is not their use', async () => {
    using scene = await open();
    scene.tree.group('system.slice/memory.max', `${String(4 * GiB)}\n`);
    await scene.pass(1, { [A]: { memory: GiB } });
    expect(await scene.use.memory(A, 1_000, 0)).toBeNull();
    scene.tree.group('system.slice/memory.max', `${String(GiB)}\n`);
    await scene.pass(1, { [A]: { memory: GiB } });
    expect(await scene.use.memory(A, 1_000, 0)).toMatchObject({ sandboxesUsed: 1 / 4 });
  });

  it.each(['memory.events', 'memory.current'])('is unknown without %s', async (file) => {
    using scene = await open();
    await scene.pass(1, { [A]: {} });
    await scene.pass(1, { [A]: {} });
    scene.tree.removeGroup(`${scope(A)}/${file}`);
    await scene.use.look(new Set([A]), true);
    expect(await scene.use.memory(A, 1_000, 0)).toBeNull();
  });
});

describe('processes', () => {
  it.each([
    ['a host with room', '3/400', 1, { full: false, sandboxesUsed: 2 / 32_768 }],
    ['a host without room', '3/32700', 1, { full: true, sandboxesUsed: 2 / 32_768 }],
    ['a host that sandboxes filled', '3/32700', 20_000, { full: true, sandboxesUsed: 20_001 / 32_768 }],
  ])('%s', async (_, threads, pids, reading) => {
    using scene = await open();
    scene.tree.proc('loadavg', `1.00 1.00 1.00 ${threads} 1234\n`);
    await scene.pass(1, { [A]: { pids: 1 }, [B]: { pids } });
    expect(await scene.use.processes(0)).toEqual(reading);
  });

  it('a group above that has no room left, with those that the sandbox had', async () => {
    using scene = await open();
    await scene.pass(1, { [A]: { pids: 1 } });
    scene.tree.group('system.slice/pids.max', '100\n');
    scene.tree.group('system.slice/pids.current', '60\n');
    await scene.pass(1, { [A]: { pids: 1 } });
    expect(await scene.use.processes(0)).toMatchObject({ full: false });
    expect(await scene.use.processes(40)).toMatchObject({ full: true, sandboxesUsed: 41 / 100 });
  });

  it('are unknown where a sandbox’s can’t be read', async () => {
    using scene = await open();
    await scene.pass(1, { [A]: {} }, [A, B]);
    expect(await scene.use.processes(0)).toBeNull();
  });
});

describe('weights', () => {
  const weight = (tree: HostTree): string =>
    readFileSync(join(tree.roots.cgroup, scope(A), 'cpu.weight'), 'utf8').trim();

  it('are low after much use, and usual again when the next call begins', async () => {
    using scene = await open();
    const weights = new CpuWeights(scene.paths, noLog);
    await scene.pass(1, { [A]: {} });
    await weights.adjust(scene.use.measured);
    await scene.pass(1, { [A]: { usedS: 1 } });
    await weights.adjust(scene.use.measured);
    expect(weight(scene.tree)).toBe('6');
    await weights.began(A, 1e6);
    expect(weight(scene.tree)).toBe('100');
  });

  it('that can’t be set end neither the measuring nor the server', async () => {
    using scene = await open();
    const weights = new CpuWeights(scene.paths, noLog);
    await scene.pass(1, { [A]: {} });
    await weights.adjust(scene.use.measured);
    const file = join(scene.tree.roots.cgroup, scope(A), 'cpu.weight');
    await scene.pass(10, { [A]: { usedS: 2 } });
    rmSync(file);
    mkdirSync(file);
    await weights.adjust(scene.use.measured);
    expect(await scene.use.processorsUsed(1_000)).toBeCloseTo(2 / 40);
  });
});
