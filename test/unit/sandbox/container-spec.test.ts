import { expect, test } from 'vitest';
import {
  capabilityMask,
  containerOptions,
  type ContainerContext,
} from '../../../src/sandbox/docker/container-spec.ts';
import { probeSpec } from '../../../src/sandbox/docker/probe-spec.ts';
import { capability, type Policy } from '../../../src/policy/schema.ts';

const CONTEXT = {
  controllerId: 'c',
  sandboxdLayers: ['/volumes/sandboxd/files', '/volumes/sandboxd/empty'],
  runtime: 'crun',
  seccomp: null,
  ownUser: 1_048_577,
  diskQuota: false,
  cgroupVersion: 2,
  egressSocket: null,
};

function options(changes: Partial<Policy> = {}, context: Partial<ContainerContext> = {}) {
  const spec = probeSpec('image');
  return containerOptions({ ...spec, policy: { ...spec.policy, ...changes } }, { ...CONTEXT, ...context });
}

test('nothing of the host, no network, no swap, no capability but the four of sandboxd', () => {
  const made = options();
  expect(made).toMatchObject({
    NetworkDisabled: true,
    OpenStdin: true,
    StdinOnce: false,
    Tty: false,
    User: '0:0',
  });
  expect(made.HostConfig).toMatchObject({
    Runtime: 'crun',
    Memory: 64 * 2 ** 20,
    MemorySwap: 64 * 2 ** 20,
    NanoCpus: 1e9,
    PidsLimit: 32,
    CapDrop: ['ALL'],
    CapAdd: ['SETUID', 'SETGID', 'SETPCAP', 'KILL'],
    SecurityOpt: ['no-new-privileges'],
    Privileged: false,
    Init: false,
    AutoRemove: false,
    LogConfig: { Type: 'none' },
  });
  expect(made.HostConfig?.Mounts).toEqual([
    expect.objectContaining({
      Type: 'volume',
      Source: '',
      Target: '/.faultline',
    }),
  ]);
  for (const absent of ['Binds', 'Devices', 'NetworkMode', 'Tmpfs', 'PidMode', 'IpcMode']) {
    expect(made.HostConfig).not.toHaveProperty(absent);
  }
});

test('PID 1 keeps one capability that no sandbox policy gives, so that the kernel refuses commands that change its scheduling', () => {
  expect(capability.options).not.toContain('SETPCAP');
  expect(options({ capabilities: [...capability.options] }).HostConfig?.CapAdd).toContain('SETPCAP');
  expect(BigInt(`0x${capabilityMask([...capability.options])}`) & (1n << 8n)).toBe(0n);
});

test('files by which a process of the same user could change PID 1 are read-only, and message queues are out of reach', () => {
  const { ReadonlyPaths: readOnly, MaskedPaths: masked } = options().HostConfig ?? {};
  for (const folder of ['/proc/1', '/proc/1/task/1'])
    for (const file of ['oom_score_adj', 'oom_adj', 'autogroup', 'coredump_filter', 'clear_refs', 'sched'])
      expect(readOnly).toContain(`${folder}/${file}`);
  expect(readOnly).toContain('/proc/sys');
  expect(masked).toEqual(
    expect.arrayContaining(['/dev/mqueue', '/proc/kcore', '/proc/keys', '/sys/firmware']),
  );
});

test('buffers of sockets have a limit of their own under cgroup v1 only: version 2 counts them as memory', () => {
  expect(options({}, { cgroupVersion: 1 }).HostConfig).toMatchObject({ KernelMemoryTCP: 16 * 2 ** 20 });
  expect(options({}, { cgroupVersion: 2 }).HostConfig).not.toHaveProperty('KernelMemoryTCP');
});

test("counters are found where the container's control group is its own: asked for under cgroup v2, given under v1", () => {
  expect(options({}, { cgroupVersion: 2 }).HostConfig).toMatchObject({ CgroupnsMode: 'private' });
  expect(options({}, { cgroupVersion: 1 }).HostConfig).not.toHaveProperty('CgroupnsMode');
});

test('core files are off, open files and file size are bounded hard', () => {
  expect(options().HostConfig?.Ulimits).toEqual([
    { Name: 'nofile', Soft: 256, Hard: 256 },
    { Name: 'fsize', Soft: 2 ** 20, Hard: 2 ** 20 },
    { Name: 'core', Soft: 0, Hard: 0 },
  ]);
});

test('the command line tells sandboxd whom to become and what to leave', () => {
  const made = options({ user: { uid: 1000, gid: 100 }, capabilities: ['CHOWN', 'NET_BIND_SERVICE'] });
  expect(made.Entrypoint).toEqual([
    '/.faultline/sandboxd',
    '--user',
    '1000:100',
    '--keep-caps',
    '0000000000000401',
    '--driver',
    '/.faultline/interpreter.py',
  ]);
  expect(made.HostConfig?.CapAdd).toEqual([
    'SETUID',
    'SETGID',
    'SETPCAP',
    'KILL',
    'CHOWN',
    'NET_BIND_SERVICE',
  ]);
});

test('a capability that policy and sandboxd both want is added once', () => {
  expect(options({ capabilities: ['KILL'] }).HostConfig?.CapAdd).toEqual([
    'SETUID',
    'SETGID',
    'SETPCAP',
    'KILL',
  ]);
});

test.each([[[], '0000000000000000'], [['SETFCAP'], '0000000080000000'], [['CHOWN', 'SETUID'], '0000000000000081']] as const)(
  'mask of %j',
  (capabilities, mask) => {
    expect(capabilityMask([...capabilities])).toBe(mask);
  },
); // prettier-ignore

test('a network, a runtime, a profile and a tmpfs come from the policy alone', () => {
  const limits = { ...probeSpec('image').policy.limits, tmp: 4096 };
  const made = options(
    { network: 'lab', runtime: 'runsc', read_only_root: true, limits },
    { seccomp: '{"x":1}' },
  );
  expect(made.NetworkDisabled).toBe(false);
  expect(made.HostConfig).toMatchObject({
    NetworkMode: 'lab',
    Runtime: 'runsc',
    ReadonlyRootfs: true,
    SecurityOpt: ['no-new-privileges', 'seccomp={"x":1}'],
  });
  expect(made.HostConfig?.Tmpfs?.['/tmp']).toContain('size=4096');
});

test('labels find the controller and the pool; an image with a health check runs none', () => {
  const made = options();
  expect(made.Labels).toEqual({
    'faultline.controller': 'c', 'faultline.pool-class': 'runtime-probe',
  }); // prettier-ignore
  expect(made.Healthcheck).toEqual({ Test: ['NONE'] });
});

test('sandboxd comes on an overlay of its own, which nobody can write and no other sandbox shares', () => {
  const [mount] = options().HostConfig?.Mounts ?? [];
  expect(mount?.VolumeOptions?.DriverConfig.Options).toEqual({
    type: 'overlay',
    device: 'overlay',
    o: 'ro,lowerdir=/volumes/sandboxd/files:/volumes/sandboxd/empty',
  });
});

test('a user of its own is the number that this sandbox was given', () => {
  expect(options({ user: 'own' }).Entrypoint).toContain('1048577:1048577');
});

test('a folder for work is a tmpfs of bounded size and number of files, where commands start and at home', () => {
  const made = options({ limits: { ...probeSpec('image').policy.limits, work: 8 * 2 ** 20 } });
  expect(made).toMatchObject({ WorkingDir: '/work', Env: ['HOME=/work'] });
  expect(made.HostConfig?.Tmpfs?.['/work']).toContain('size=8388608,nr_inodes=1024');
  expect(made.HostConfig?.Tmpfs?.['/work']).toContain('uid=65534,gid=65534');
  expect(options()).not.toHaveProperty('WorkingDir');
});

test('a size of the disk is asked for only where the engine can hold it', () => {
  const limits = { ...probeSpec('image').policy.limits, disk: 2 ** 30 };
  expect(options({ limits }).HostConfig).not.toHaveProperty('StorageOpt');
  expect(options({ limits }, { diskQuota: true }).HostConfig?.StorageOpt).toEqual({ size: '1073741824' });
});
