import type { Policy } from '../policy/schema.ts';
import type { Counters } from '../protocol/messages.ts';
import {
  fieldOf,
  interfacesOf,
  mountOn,
  numberIn,
  resourceLimit,
  type RightsReport,
} from './rights-report.ts';

/**
 * What a sandbox policy asks for and an engine may fail to hold. `refuses`: a sandbox policy without it is not used unless
 * the operator accepts that. Otherwise it is logged: hosts that can't hold it are common, and the docs say what follows.
 */
export const LIMITS = {
  memory: { refuses: true },
  swap: { refuses: true },
  cpus: { refuses: true },
  processes: { refuses: true },
  open_files: { refuses: true },
  file_size: { refuses: true },
  core: { refuses: true },
  tmp: { refuses: true },
  work: { refuses: true },
  shm: { refuses: true },
  network: { refuses: true },
  read_only_root: { refuses: true },
  user: { refuses: true },
  capabilities: { refuses: true },
  new_privileges: { refuses: true },
  seccomp: { refuses: true },
  first_process: { refuses: true },
  counters: { refuses: true },
  disk: { refuses: false },
  socket_buffers: { refuses: false },
  oom_score: { refuses: false },
  engine: { refuses: false },
} as const satisfies Record<string, { readonly refuses: boolean }>;

export type LimitName = keyof typeof LIMITS;

/** Those that an operator may accept, for `FAULTLINE_ACCEPTED_LIMITS`. */
export const ACCEPTABLE = (Object.keys(LIMITS) as LimitName[]).filter((limit) => LIMITS[limit].refuses);

interface Finding {
  readonly limit: LimitName;
  readonly asked: string;
  readonly found: string;
  /** Whether the sandbox policy may not be used because of it. */
  readonly refuses: boolean;
}

/** What one sandbox of a sandbox policy showed of its limits. */
export interface PolicyTrial {
  readonly policy: string;
  readonly findings: readonly Finding[];
  /** Limits that are not held and that the operator has not accepted. The sandbox policy is used if there are none. */
  readonly refusedFor: readonly LimitName[];
}

/** One finding as an operator reads it. */
export const inWords = ({ limit, asked, found }: Finding): string =>
  `${limit} (asked ${asked}, found ${found})`;

/** What one sandbox of a sandbox policy showed. */
export interface TrialEvidence {
  readonly policy: Policy;
  readonly user: { readonly uid: number; readonly gid: number };
  /** 16 hexadecimal digits, as in /proc/PID/status. */
  readonly capabilityMask: string;
  readonly rights: RightsReport;
  /** Null where the engine has no source of counters. */
  readonly counters: Counters | null;
  /** Of the engine, in its words, on the request that made the sandbox. */
  readonly warnings: readonly string[];
  /** Whether the container's own disk has a limit. */
  readonly diskLimit: boolean;
}

const STATUS = '/proc/self/status';
/** Rounding of the kernel: pages, and a quota in thousandths. */
const PAGE_BYTES = 4096;
const NEARLY = 0.01;
const [EPERM, EACCES, EROFS] = [1, 13, 30];
const REFUSED: ReadonlySet<number> = new Set([EPERM, EACCES, EROFS]);
/** Counters without which endings are judged wrongly: an OOM kill would look like a program's own end. */
const NEEDED = ['oomKills', 'pidsLimitHits', 'memoryUsageBytes', 'cpuUsageUs'] as const;

/** Every limit that is not as the sandbox policy asks. Pure. What can't be read counts as not held. */
export function limitFindings(evidence: TrialEvidence): readonly Finding[] {
  const checks = [...cgroupChecks(evidence), ...processChecks(evidence), ...fileChecks(evidence)];
  const wrong = checks.filter(({ held }) => !held);
  // A runtime that the operator named may have a kernel of its own, which shows less.
  const foreign = evidence.policy.runtime !== 'auto';
  const findings = wrong.map(({ limit, asked, found }) => {
    const refuses = LIMITS[limit].refuses && !(foreign && found === UNKNOWN);
    return { limit, asked, found, refuses };
  });
  return [...findings, ...warned(evidence, new Set(wrong.map(({ limit }) => limit)))];
}

interface CheckedLimit {
  readonly limit: LimitName;
  readonly asked: string;
  readonly found: string;
  readonly held: boolean;
}

const UNKNOWN = 'unknown';
type Shown = string | number;

function check(limit: LimitName, asked: Shown, found: Shown | null | undefined, held: boolean): CheckedLimit {
  const shown = found === null || found === undefined || found === -1 ? UNKNOWN : String(found);
  return { limit, asked: String(asked), found: shown, held };
}

function cgroupChecks({ policy, rights, counters }: TrialEvidence): CheckedLimit[] {
  const { memory, processes, cpus } = policy.limits;
  const limitBytes = counters?.memoryLimitBytes ?? null;
  const quota = cpuQuota(rights);
  const missing = NEEDED.filter((name) => counters !== null && counters[name] < 0);
  const swapBytes = swapOf(rights, memory);
  const checks = [
    check('cpus', cpus, quota, quota !== null && Math.abs(quota - cpus) < NEARLY),
    check('swap', 0, swapBytes, swapBytes === 0),
    check('socket_buffers', 'a limit', 'none', boundSockets(rights)),
  ];
  if (counters === null) return checks;
  return [
    ...checks,
    check('memory', memory, limitBytes, limitBytes !== null && Math.abs(limitBytes - memory) < PAGE_BYTES),
    check('processes', processes, counters.pidsLimit, counters.pidsLimit === processes),
    check('counters', 'readable', missing.length === 0 ? '' : UNKNOWN, missing.length === 0),
  ];
}

/** Processors; Infinity where there is no quota. */
function cpuQuota(rights: RightsReport): number | null {
  const [max, period] = rights.files.get('/sys/fs/cgroup/cpu.max')?.[0]?.split(' ') ?? [];
  if (max !== undefined) return max === 'max' ? Infinity : Number(max) / Number(period);
  const quotaUs = numberIn(rights, '/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
  const periodUs = numberIn(rights, '/sys/fs/cgroup/cpu/cpu.cfs_period_us');
  if (quotaUs === null || periodUs === null) return null;
  return quotaUs < 0 ? Infinity : quotaUs / periodUs;
}

/** Bytes that may be swapped beyond the memory limit. A host without swap has none to give. */
function swapOf(rights: RightsReport, memory: number): number | null {
  if (hasNoSwap(rights)) return 0;
  const both = numberIn(rights, '/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes');
  if (both !== null) return Math.abs(both - memory) < PAGE_BYTES ? 0 : both - memory;
  return numberIn(rights, '/sys/fs/cgroup/memory.swap.max');
}

function hasNoSwap(rights: RightsReport): boolean {
  return Number.parseInt(fieldOf(rights, '/proc/meminfo', 'SwapTotal') ?? '', 10) === 0;
}

/** cgroup v2 counts them as memory; v1 has a limit of their own, which some runtimes ignore. */
function boundSockets(rights: RightsReport): boolean {
  const bytes = numberIn(rights, '/sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes');
  return bytes === null || bytes < 2 ** 40;
}

function processChecks({ policy, user, capabilityMask, rights }: TrialEvidence): CheckedLimit[] {
  const { limits, seccomp } = policy;
  const status = (name: string): string | null => fieldOf(rights, STATUS, name);
  const exact = (limit: LimitName, name: string, asked: number): CheckedLimit => {
    const found = resourceLimit(rights, name);
    return check(limit, asked, found?.join('/'), found?.every((value) => value === asked) === true);
  };
  const ids = [status('Uid'), status('Gid')].map((ids) => ids?.replaceAll(/\s+/g, ' ') ?? null);
  const four = (id: number): string => [id, id, id, id].join(' ');
  const held = ['CapPrm', 'CapEff', 'CapBnd'].map(status);
  return [
    exact('open_files', 'open files', limits.open_files),
    exact('file_size', 'file size', limits.file_size),
    exact('core', 'core file size', 0),
    check('user', four(user.uid), ids[0], ids[0] === four(user.uid) && ids[1] === four(user.gid)),
    check(
      'capabilities',
      capabilityMask,
      heldOf(held),
      held.every((mask) => mask === capabilityMask),
    ),
    check('new_privileges', 1, status('NoNewPrivs'), status('NoNewPrivs') === '1'),
    // Which calls the engine's own profile refuses is its operator's choice, none at all included.
    ...(seccomp === 'engine' ? [] : [check('seccomp', 2, status('Seccomp'), status('Seccomp') === '2')]),
    ...attemptChecks(rights, seccomp !== 'engine'),
  ];
}

const heldOf = (masks: readonly (string | null)[]): string | null =>
  masks.every((mask) => mask === null) ? null : [...new Set(masks)].join(' ');

/** What a command may not do to PID 1; and that it can't pass its place in the kernel's order of victims to the host. */
function attemptChecks({ attempts }: RightsReport, filtered: boolean): CheckedLimit[] {
  const refused = (name: string): boolean => REFUSED.has(attempts.get(name) ?? 0);
  const limits = !filtered || refused('limits of the first process');
  const firstProcess = limits && refused('raise /proc/1/oom_score_adj');
  return [
    check('first_process', 'out of reach', 'can be changed', firstProcess),
    check('oom_score', 'kept', 'can be lowered', refused('lower /proc/self/oom_score_adj')),
  ];
}

function fileChecks({ policy, rights, diskLimit }: TrialEvidence): CheckedLimit[] {
  const { limits, network, read_only_root: readOnly } = policy;
  const inMemory = (limit: 'tmp' | 'work' | 'shm', folder: string): CheckedLimit[] => {
    const bytes = limits[limit];
    if (bytes === undefined) return [];
    const found = tmpfsBytes(rights, folder);
    return [check(limit, bytes, found, found !== null && Math.abs(found - bytes) < PAGE_BYTES)];
  };
  const interfaces = interfacesOf(rights);
  const isolated = network === 'none' || typeof network !== 'string';
  const rootRefuses = rights.attempts.get('create in /') === EROFS || mountOn(rights, '/')?.readOnly === true;
  return [
    ...inMemory('tmp', '/tmp'),
    ...inMemory('work', '/work'),
    ...inMemory('shm', '/dev/shm'),
    ...(readOnly ? [check('read_only_root', 'read-only', 'writable', rootRefuses)] : []),
    ...(isolated ? [check('network', 'lo', interfaces?.join(' '), interfaces?.join(' ') === 'lo')] : []),
    ...(limits.disk === undefined ? [] : [check('disk', limits.disk, 'no limit', diskLimit)]),
  ];
}

/** The size of a file system in memory; Infinity where it has none; null where the folder is not one. */
function tmpfsBytes(rights: RightsReport, folder: string): number | null {
  const mount = mountOn(rights, folder);
  if (mount?.type !== 'tmpfs') return null;
  const size = mount.options.find((option) => option.startsWith('size='))?.slice('size='.length) ?? '';
  const [, digits, unit = ''] = /^(\d+)([kmg]?)$/.exec(size) ?? [];
  return digits === undefined ? Infinity : Number(digits) * 1024 ** ' kmg'.indexOf(unit || ' ');
}

/** Sentences of the engine about limits that it discarded. The first match names the limit. */
const WORDS: readonly (readonly [RegExp, LimitName])[] = [
  [/kernel memory|oom kill/i, 'engine'],
  [/without swap|swap limit/i, 'swap'],
  [/memory/i, 'memory'],
  [/pids/i, 'processes'],
  [/cpu/i, 'cpus'],
];

/** What was found wrong in the sandbox itself isn't said a second time. */
function warned({ warnings, rights }: TrialEvidence, known: ReadonlySet<LimitName>): Finding[] {
  return warnings.flatMap((warning) => {
    const [, limit = 'engine'] = WORDS.find(([pattern]) => pattern.test(warning)) ?? [];
    if (known.has(limit) || (limit === 'swap' && hasNoSwap(rights))) return [];
    return [{ limit, asked: 'no warning', found: warning, refuses: LIMITS[limit].refuses }];
  });
}
