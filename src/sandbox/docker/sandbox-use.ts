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
    paths.version === 2
      ? ['memory.current', 'memory.peak']
      : ['memory.usage_in_bytes', 'memory.max_usage_in_bytes'];
  const nowBytes = await numberIn(folder, now);
  return nowBytes === null ? null : { nowBytes, peakBytes: (await numberIn(folder, peak)) ?? -1 };
}

/**
 * How often a limit of the sandbox's own groups has refused memory. On cgroup v2 the events of the container's group include
 * those of groups in it; on v1 the limit on memory and swap together is counted apart, where the kernel accounts for swap.
 * At least 1 where the most that the sandbox ever had is its limit: Linux 6.18 does not count on v1.
 */
export async function memoryLimitHits(paths: CgroupPaths, id: string): Promise<number | null> {
  const folder = paths.of('memory', id);
  if (folder === null) return null;
  if (paths.version === 2) return await numberIn(folder, 'memory.events', 'oom ');
  const limits = [await hitsOf(folder, 'memory'), await hitsOf(folder, 'memory.memsw')];
  return sum(limits);
}

/** Of one limit of cgroup v1; 0 where the kernel has no such limit. */
async function hitsOf(folder: string, prefix: 'memory' | 'memory.memsw'): Promise<number | null> {
  const limit = await numberIn(folder, `${prefix}.limit_in_bytes`);
  if (limit === null) return prefix === 'memory' ? null : 0;
  const peak = await numberIn(folder, `${prefix}.max_usage_in_bytes`);
  const counted = await numberIn(folder, `${prefix}.failcnt`);
  if (peak === null || counted === null) return null;
  return peak + CHARGED_AT_ONCE_BYTES >= limit ? Math.max(1, counted) : counted;
}

/** The kernel charges memory in batches of 64 pages. */
const CHARGED_AT_ONCE_BYTES = 64 * 4096;

export async function processes(paths: CgroupPaths, id: string): Promise<number | null> {
  const folder = paths.of('pids', id);
  return folder === null ? null : await numberIn(folder, 'pids.current');
}
