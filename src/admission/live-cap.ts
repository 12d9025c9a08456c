/** What one sandbox uses of its host; measured with 1,000 idle sandboxes (README). */
const PER_SANDBOX = {
  /** Memory of container, shim and sandboxd. */
  idleBytes: 4_404_019,
  /** Additional memory of a rollout's commands, on average. The sandbox policy's memory limit is an upper bound, not a forecast. */
  workBytes: 12 * 2 ** 20,
  /** Threads of shim, runtime and sandboxd, and a few for the rollout's processes. */
  pids: 20,
  /** Descriptors of this process: one attached stream and one waiting HTTP request. */
  descriptors: 2,
} as const;

/** Shares of the host that sandboxes may use; the rest stays with the host, the engine and this process. */
const MEMORY_SHARE = 0.8;
const PID_SHARE = 0.8;
const RESERVED_DESCRIPTORS = 256;
/** Share of the memory for sandboxes that idle sandboxes of the warm pool may use. */
const POOL_SHARE = 0.25;

export interface HostFacts {
  readonly memoryAvailableBytes: number;
  readonly pidMax: number;
  /** Soft limit of this process. */
  readonly descriptorLimit: number;
}

export interface LiveCap {
  readonly cap: number;
  readonly boundBy: 'memory' | 'pids' | 'descriptors' | 'configuration';
  readonly by: Readonly<Record<'memory' | 'pids' | 'descriptors', number>>;
  /** Upper bound of warm sandboxes, all pool classes together. */
  readonly poolBudget: number;
}

/** Computes how many sandboxes this host may hold at once, and which resource decides it. Pure. */
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
