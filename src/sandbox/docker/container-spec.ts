import type { ContainerCreateOptions } from 'dockerode';
import type { Policy } from '../../policy/schema.ts';
import { SOCKET } from '../egress/egress-socket.ts';
import type { SandboxSpec } from '../sandbox.ts';

/** Where sandboxd's volume is mounted in every sandbox. */
export const SANDBOXD_FOLDER = '/.faultline';
/** Where a sandbox with a way out sees the folder of its door. */
const DOOR_FOLDER = '/.faultline-egress';
/** As PROXY_PORT of sandboxd, which listens there. */
const PROXY_URL = 'http://127.0.0.1:3128';
/** Where the tmpfs of `limits.work` is. */
const WORK_FOLDER = '/work';

export const LABELS = {
  controller: 'faultline.controller',
  poolClass: 'faultline.pool-class',
  /** Key of the rules behind the sandbox's door, where it has one. */
  egress: 'faultline.egress',
} as const;

/** Numbers of linux/capability.h, for the mask that sandboxd leaves its children. */
const CAPABILITY_BITS = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  NET_BIND_SERVICE: 10,
  AUDIT_WRITE: 29,
  SETFCAP: 31,
} as const satisfies Record<Policy['capabilities'][number], number>;

/** What sandboxd itself needs: to become the model's user, to drop capabilities, to end what others started. */
const SANDBOXD_CAPABILITIES = ['SETUID', 'SETGID', 'SETPCAP', 'KILL'] as const;

/** Sandboxes die first when the host runs out of memory: controller and engine can't be done again. */
const OOM_SCORE_ADJUSTMENT = 500;

export interface ContainerContext {
  readonly controllerId: string;
  /** Overlay layers with sandboxd's files, uppermost first, as paths of the engine's host. */
  readonly sandboxdLayers: readonly string[];
  /** The runtime for policies that say `auto`. */
  readonly runtime: string;
  /** The profile's JSON for policies that name one; null: the engine's default. */
  readonly seccomp: string | null;
  /** User and group of a sandbox whose policy says `own`. */
  readonly ownUser: number;
  /** Whether the engine can hold a container's own layer to a size. */
  readonly diskQuota: boolean;
  /** The sandbox's way out: folder on the engine's host, and key of its rules. Null: it has none. */
  readonly door: { readonly folder: string; readonly key: string } | null;
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
    // One name for all: output that mentions it must not differ when a rollout is replayed elsewhere.
    Hostname: 'sandbox',
    Tty: false,
    OpenStdin: true,
    StdinOnce: false,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: false,
    NetworkDisabled: engineNetwork(policy) === null,
    // An image's own check would be an exec in the sandbox every few seconds.
    Healthcheck: { Test: ['NONE'] },
    Labels: labels(spec, context),
    HostConfig: hostConfig(policy, context),
  };
}

/** Sandboxes with an egress list have no network either: their way out is a socket. */
function engineNetwork({ network }: Policy): string | null {
  return network === 'none' || typeof network !== 'string' ? null : network;
}

function environment(policy: Policy, { door }: ContainerContext): string[] {
  const home = policy.limits.work === undefined ? [] : [`HOME=${WORK_FOLDER}`];
  if (door === null) return home;
  const proxies = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map(
    (name) => `${name}=${PROXY_URL}`,
  );
  return [...home, ...proxies, 'no_proxy=localhost,127.0.0.1,::1', 'NO_PROXY=localhost,127.0.0.1,::1'];
}

/** Who the model's commands are. */
function userOf(policy: Policy, { ownUser }: ContainerContext): { uid: number; gid: number } {
  return policy.user === 'own' ? { uid: ownUser, gid: ownUser } : policy.user;
}

function entrypoint(policy: Policy, context: ContainerContext): string[] {
  const { uid, gid } = userOf(policy, context);
  const user = `${String(uid)}:${String(gid)}`;
  const driver = `${SANDBOXD_FOLDER}/interpreter.py`;
  const capabilities = capabilityMask(policy.capabilities);
  const egress = context.door === null ? [] : ['--egress', `${DOOR_FOLDER}/${SOCKET}`];
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

/** As sandboxd and /proc/PID/status write it: hexadecimal, 16 digits. */
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
    ReadonlyRootfs: policy.read_only_root,
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

/** One inode per this many bytes: empty files are memory too. */
const BYTES_PER_INODE = 8192;

/** Owned by the model's user: runc gives the mount the mode of the folder below, which the engine makes 0755. */
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
 * sandboxd's files under inodes of this sandbox's own: a read-only overlay, mounted by the engine as a volume without
 * a name, which goes with the container. On one mount for all, two sandboxes could talk by locks and inotify.
 */
function sandboxdMount({ sandboxdLayers, controllerId }: ContainerContext) {
  const options = { type: 'overlay', device: 'overlay', o: `ro,lowerdir=${sandboxdLayers.join(':')}` };
  const labels = { [LABELS.controller]: controllerId };
  return {
    Type: 'volume' as const,
    Source: '',
    Target: SANDBOXD_FOLDER,
    // An image's own folder of that name must not end up in it.
    VolumeOptions: { NoCopy: true, Labels: labels, DriverConfig: { Name: 'local', Options: options } },
  };
}

/** Read-only, and of this sandbox alone: two that see one folder could talk by its locks. */
function egressSocketMount({ door }: ContainerContext) {
  if (door === null) return [];
  return [{ Type: 'bind' as const, Source: door.folder, Target: DOOR_FOLDER, ReadOnly: true }];
}

function labels(spec: SandboxSpec, context: ContainerContext): Record<string, string> {
  return {
    [LABELS.controller]: context.controllerId,
    [LABELS.poolClass]: spec.poolClass,
    ...(context.door === null ? {} : { [LABELS.egress]: context.door.key }),
  };
}
