import { numberIn, sum } from './cgroup-files.ts';
import type { CgroupPaths } from './cgroup-paths.ts';

/** What one sandbox uses, read from its control group on the host. Each null: unknown. */

/** Processor time since the sandbox started. */
export async function processorUs(paths: CgroupPaths, id: string): Promise<number | null> {
  const folder = paths.of(paths.version === 2 ? 'cpu' : 'cpuacct', id);
  if (folder === null) return null;
  if (paths.version === 2) return await numberIn(folder, 'cpu.stat', 'usage_usec');
  const ns = await numberIn(folder, 'cpuacct.usage');
  return ns === null ? null : ns / 1_000;
}

/** Memory now, and the most that it ever had; -1 where the kernel doesn't keep that. */
export interface MemoryUse {
  readonly nowBytes: number;
  readonly peakBytes: number;
}

export async function memoryUse(paths: CgroupPaths, id: string): Promise<MemoryUse | null> {
  const folder = paths.of('memory', id);
  if (folder === null) return null;
  const [now, peak] =
    paths.version === 2 ? ['memory.current', 'memory.peak'] : ['memory.usage_in_bytes', 'memory.max_usage_in_bytes'];
  const nowBytes = await numberIn(folder, now);
  return nowBytes === null ? null : { nowBytes, peakBytes: (await numberIn(folder, peak)) ?? -1 };
}

/**
 * How often a limit of the sandbox's own groups has refused memory. On cgroup v2 the events of the container's group include
 * those of groups in it; on v1 the limit on memory and swap together is counted apart, where the kernel accounts for swap.
 */
export async function memoryLimitHits(paths: CgroupPaths, id: string): Promise<number | null> {
  const folder = paths.of('memory', id);
  if (folder === null) return null;
  if (paths.version === 2) return await numberIn(folder, 'memory.events', 'oom ');
  const swapLimit = await numberIn(folder, 'memory.memsw.limit_in_bytes');
  const swapHits = swapLimit === null ? 0 : await numberIn(folder, 'memory.memsw.failcnt');
  return sum([await numberIn(folder, 'memory.failcnt'), swapHits]);
}

export async function processes(paths: CgroupPaths, id: string): Promise<number | null> {
  const folder = paths.of('pids', id);
  return folder === null ? null : await numberIn(folder, 'pids.current');
}
