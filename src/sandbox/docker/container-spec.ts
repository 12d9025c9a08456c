import type { ContainerCreateOptions } from 'dockerode';
import type { Policy } from '../../policy/schema.ts';
import { SOCKET } from '../egress/egress-socket.ts';
import type { SandboxSpec } from '../sandbox.ts';

/** Where sandboxd's volume is mounted in every sandbox. */
export const SANDBOXD_FOLDER = '/.faultline';
/** Mount point of the folder with the egress socket, in sandboxes whose sandbox policy lists hosts. */
const EGRESS_FOLDER = '/.faultline-egress';
/** The address that sandboxd listens on: its PROXY_PORT. */
const PROXY_URL = 'http://127.0.0.1:3128';
/** Mount point of the tmpfs of `limits.work`. */
const WORK_FOLDER = '/work';

export const LABELS = {
  controller: 'faultline.controller',
  poolClass: 'faultline.pool-class',
  /** Key of the rules of the sandbox's egress socket. Absent where it has none. */
  egress: 'faultline.egress',
} as const;

/** Numbers from linux/capability.h, for the mask of capabilities that sandboxd leaves to its children. */
const CAPABILITY_BITS = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  NET_BIND_SERVICE: 10,
  AUDIT_WRITE: 29,
  SETFCAP: 31,
} as const satisfies Record<Policy['capabilities'][number], number>;

/**
 * sandboxd needs these to change to the model's user, to drop capabilities, and to kill processes of other users. SETPCAP
 * is never the model's: with a smaller set than PID 1's, the kernel refuses it to change PID 1's scheduling.
 */
const SANDBOXD_CAPABILITIES = ['SETUID', 'SETGID', 'SETPCAP', 'KILL'] as const;

/** On a host without free memory the kernel kills sandboxes first: the controller and the engine can't be rebuilt. */
const OOM_SCORE_ADJUSTMENT = 500;

/**
 * Share of the memory limit that buffers of TCP sockets may have beside it, under cgroup v1. Without a limit, one sandbox
 * could fill the whole machine's (`net.ipv4.tcp_mem`, a tenth of all memory) over loopback. runc ignores it.
 */
const SOCKET_SHARE = 0.25;

/** What the engine hides of every container, of all its versions: a list in the request takes the place of its own. */
const ENGINE_MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const ENGINE_READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** A file made here is a message queue, which the kernel counts by user number. */
const QUEUES = '/dev/mqueue';

/**
 * Files of PID 1 by which a process with its user number could change it: `oom_score_adj` makes the kernel end it first.
 * Not all of /proc/1: the runtime itself writes to `attr` of the process that becomes PID 1, where the host has AppArmor or
 * SELinux, and the kernel refuses the other files by capability or to everybody but PID 1.
 */
const FIRST_PROCESS_FILES = [
  'oom_score_adj',
  'oom_adj',
  'autogroup',
  'coredump_filter',
  'clear_refs',
  'sched',
];
const FIRST_PROCESS = ['/proc/1', '/proc/1/task/1'].flatMap((folder) =>
  FIRST_PROCESS_FILES.map((file) => `${folder}/${file}`),
);

export interface ContainerContext {
  readonly controllerId: string;
  /** Overlay layers with sandboxd's files, uppermost first, as paths on the engine's host. */
  readonly sandboxdLayers: readonly string[];
  /** The runtime for sandbox policies with `runtime: auto`. */
  readonly runtime: string;
  /** JSON of the profile that the sandbox policy names; null: the engine's default. */
  readonly seccomp: string | null;
  /** User and group of a sandbox whose sandbox policy has `user: own`. */
  readonly ownUser: number;
  /** Whether the engine can limit the size of a container's writable layer. */
  readonly diskQuota: boolean;
  /** Version 2 counts the buffers of sockets as memory of the sandbox; version 1 needs a limit of their own. */
  readonly cgroupVersion: number;
  /** The egress socket: its folder on the engine's host, and the key of its rules. Null: the sandbox has none. */
  readonly egressSocket: { readonly folder: string; readonly key: string } | null;
}

/** The create request of one sandbox. Pure. */
export function containerOptions(spec: SandboxSpec, context: ContainerContext): ContainerCreateOptions {
  const { policy, image } = spec;
  return {
    Image: image.reference,
    Entrypoint: entrypoint(policy, context),
    Cmd: [],
    ...(policy.limits.work === undefined ? {} : { WorkingDir: WORK_FOLDER }),
    Env: environment(policy, context),
    User: '0:0',
    // The same name in every sandbox: output that contains it must not differ in a replay.
    Hostname: 'sandbox',
    Tty: false,
    OpenStdin: true,
    StdinOnce: false,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: false,
    NetworkDisabled: engineNetwork(policy) === null,
    // An image's health check would be an exec in the sandbox every few seconds.
    Healthcheck: { Test: ['NONE'] },
    Labels: labels(spec, context),
    HostConfig: hostConfig(policy, context),
  };
}

/** The engine's network, or null. A sandbox with a list of hosts has none: it uses its egress socket. */
function engineNetwork({ network }: Policy): string | null {
  return network === 'none' || typeof network !== 'string' ? null : network;
}

function environment(policy: Policy, { egressSocket }: ContainerContext): string[] {
  const home = policy.limits.work === undefined ? [] : [`HOME=${WORK_FOLDER}`];
  if (egressSocket === null) return home;
  const proxies = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map(
    (name) => `${name}=${PROXY_URL}`,
  );
  return [...home, ...proxies, 'no_proxy=localhost,127.0.0.1,::1', 'NO_PROXY=localhost,127.0.0.1,::1'];
}

/** The user that the model's commands run as. */
function userOf(policy: Policy, { ownUser }: ContainerContext): { uid: number; gid: number } {
  return policy.user === 'own' ? { uid: ownUser, gid: ownUser } : policy.user;
}

function entrypoint(policy: Policy, context: ContainerContext): string[] {
  const { uid, gid } = userOf(policy, context);
  const user = `${String(uid)}:${String(gid)}`;
  const driver = `${SANDBOXD_FOLDER}/interpreter.py`;
  const capabilities = capabilityMask(policy.capabilities);
  const egress = context.egressSocket === null ? [] : ['--egress', `${EGRESS_FOLDER}/${SOCKET}`];
  return [
    `${SANDBOXD_FOLDER}/sandboxd`,
    '--user',
    user,
    '--keep-caps',
    capabilities,
    '--driver',
    driver,
    ...egress,
  ];
}

/** 16 hexadecimal digits, the format of sandboxd and of /proc/PID/status. */
export function capabilityMask(capabilities: Policy['capabilities']): string {
  let mask = 0n;
  for (const capability of capabilities) mask |= 1n << BigInt(CAPABILITY_BITS[capability]);
  return mask.toString(16).padStart(16, '0');
}

function hostConfig(
  policy: Policy,
  context: ContainerContext,
): NonNullable<ContainerCreateOptions['HostConfig']> {
  const { limits } = policy;
  const seccomp = context.seccomp === null ? [] : [`seccomp=${context.seccomp}`];
  const network = engineNetwork(policy);
  return {
    Runtime: policy.runtime === 'auto' ? context.runtime : policy.runtime,
    ...(network === null ? {} : { NetworkMode: network }),
    Memory: limits.memory,
    MemorySwap: limits.memory,
    ...(context.cgroupVersion === 1 && { KernelMemoryTCP: Math.ceil(limits.memory * SOCKET_SHARE) }),
    NanoCpus: Math.round(limits.cpus * 1e9),
    PidsLimit: limits.processes,
    Ulimits: [
      { Name: 'nofile', Soft: limits.open_files, Hard: limits.open_files },
      { Name: 'fsize', Soft: limits.file_size, Hard: limits.file_size },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    CapDrop: ['ALL'],
    CapAdd: [...new Set([...SANDBOXD_CAPABILITIES, ...policy.capabilities])],
    Privileged: false,
    SecurityOpt: ['no-new-privileges', ...seccomp],
    // In the host's namespace, /sys/fs/cgroup is not the container's own, and sandboxd would find no counters.
    ...(context.cgroupVersion === 2 && { CgroupnsMode: 'private' as const }),
    ReadonlyRootfs: policy.read_only_root,
    MaskedPaths: [...ENGINE_MASKED, QUEUES],
    ReadonlyPaths: [...ENGINE_READ_ONLY, ...FIRST_PROCESS],
    ...filesInMemory(policy, context),
    ...(context.diskQuota && limits.disk !== undefined ? { StorageOpt: { size: String(limits.disk) } } : {}),
    ShmSize: limits.shm,
    OomScoreAdj: OOM_SCORE_ADJUSTMENT,
    LogConfig: { Type: 'none', Config: {} },
    Init: false,
    AutoRemove: false,
    RestartPolicy: { Name: 'no' },
    Mounts: [sandboxdMount(context), ...egressSocketMount(context)],
  };
}

/** One inode per this many bytes: an empty file takes memory too. */
const BYTES_PER_INODE = 8192;

/** Owned by the model's user: runc gives the mount the mode of the folder below it, and the engine creates that as 0755. */
function filesInMemory(policy: Policy, context: ContainerContext): { Tmpfs?: Record<string, string> } {
  const { tmp, work } = policy.limits;
  const { uid, gid } = userOf(policy, context);
  const mounts = Object.entries({ '/tmp': tmp, [WORK_FOLDER]: work }).flatMap(([path, bytes]) => {
    if (bytes === undefined) return [];
    const room = `size=${String(bytes)},nr_inodes=${String(Math.ceil(bytes / BYTES_PER_INODE))}`;
    const owner = `uid=${String(uid)},gid=${String(gid)},mode=1777`;
    return [[path, `rw,nosuid,nodev,exec,${owner},${room}`] as const];
  });
  return mounts.length === 0 ? {} : { Tmpfs: Object.fromEntries(mounts) };
}

/**
 * sandboxd's files in a read-only overlay with inodes of its own. The engine mounts it as an anonymous volume and removes
 * it with the container. Through one mount in all sandboxes, two of them could exchange data by locks and inotify.
 */
function sandboxdMount({ sandboxdLayers, controllerId }: ContainerContext) {
  const options = { type: 'overlay', device: 'overlay', o: `ro,lowerdir=${sandboxdLayers.join(':')}` };
  const labels = { [LABELS.controller]: controllerId };
  return {
    Type: 'volume' as const,
    Source: '',
    Target: SANDBOXD_FOLDER,
    // The engine must not copy a folder of that name from the image into it.
    VolumeOptions: { NoCopy: true, Labels: labels, DriverConfig: { Name: 'local', Options: options } },
  };
}

/** Read-only, for this sandbox only: two sandboxes that see one folder could exchange data by locks on it. */
function egressSocketMount({ egressSocket }: ContainerContext) {
  if (egressSocket === null) return [];
  return [{ Type: 'bind' as const, Source: egressSocket.folder, Target: EGRESS_FOLDER, ReadOnly: true }];
}

function labels(spec: SandboxSpec, context: ContainerContext): Record<string, string> {
  return {
    [LABELS.controller]: context.controllerId,
    [LABELS.poolClass]: spec.poolClass,
    ...(context.egressSocket === null ? {} : { [LABELS.egress]: context.egressSocket.key }),
  };
}
