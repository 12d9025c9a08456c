/** What one idle sandbox takes of its host; measured with 1,000 of them (README). */
const PER_SANDBOX = {
  /** Container, shim and sandboxd. */
  idleBytes: 4_404_019,
  /** What a rollout's commands take on average, on top. A policy's memory limit is a bound, not a forecast. */
  workBytes: 12 * 2 ** 20,
  /** Threads of shim, runtime and sandboxd, and a few of the rollout's own. */
  pids: 20,
  /** Descriptors of this process: one attached stream each, and one for a request that waits. */
  descriptors: 2,
} as const;

/** Shares that stay with the host, the engine and this process. */
const MEMORY_SHARE = 0.8;
const PID_SHARE = 0.8;
const RESERVED_DESCRIPTORS = 256;
/** Of the memory for sandboxes, what may lie idle in the warm pool. */
const POOL_SHARE = 0.25;

export interface HostFacts {
  readonly memoryAvailableBytes: number;
  readonly pidMax: number;
  /** Soft limit of this process. */
  readonly descriptorLimit: number;
  /** `fs.inotify.max_user_instances`; null where the kernel doesn't say. */
  readonly inotifyInstances: number | null;
}

export interface LiveCap {
  readonly cap: number;
  readonly boundBy: 'memory' | 'pids' | 'descriptors' | 'configuration';
  readonly by: Readonly<Record<'memory' | 'pids' | 'descriptors', number>>;
  /** Warm sandboxes of all classes together. */
  readonly poolBudget: number;
}

/** How many sandboxes may live on this host at once, and what says so. Pure. */
export function liveCap(host: HostFacts, configured: number | null = null): LiveCap {
  const memory = host.memoryAvailableBytes * MEMORY_SHARE;
  const by = {
    memory: atLeastOne(memory / (PER_SANDBOX.idleBytes + PER_SANDBOX.workBytes)),
    pids: atLeastOne((host.pidMax * PID_SHARE) / PER_SANDBOX.pids),
    descriptors: atLeastOne((host.descriptorLimit - RESERVED_DESCRIPTORS) / PER_SANDBOX.descriptors),
  };
  const least = Math.min(by.memory, by.pids, by.descriptors);
  const computed =
    (['memory', 'pids', 'descriptors'] as const).find((name) => by[name] === least) ?? 'memory';
  const cap = configured ?? least;
  const poolBudget = Math.min(cap, atLeastOne((memory * POOL_SHARE) / PER_SANDBOX.idleBytes));
  return { cap, boundBy: configured === null ? computed : 'configuration', by, poolBudget };
}

function atLeastOne(count: number): number {
  return Math.max(1, Math.floor(count));
}
