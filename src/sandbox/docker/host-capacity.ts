import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { contentOf, listedNumbers, numberIn } from './cgroup-files.ts';
import type { CgroupPaths, HostRoots } from './cgroup-paths.ts';

/**
 * What all sandboxes together could have: the host's, or that of a group above theirs which has less. Of a limit that
 * changes, the largest value counts: sandboxes did not use up what somebody took away from them.
 */
export class HostCapacity {
  readonly #roots: HostRoots;
  readonly #largest = new Map<string, number>();

  constructor(roots: HostRoots) {
    this.#roots = roots;
  }

  /** Bytes; null: unknown. */
  async memory(paths: CgroupPaths): Promise<number | null> {
    const total = await numberIn(this.#roots.proc, 'meminfo', 'MemTotal:');
    const file = paths.version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
    return total === null ? null : await this.#leastOf(paths.above('memory'), file, total * 1024);
  }

  /** The places for processes and threads: used and allowed ones of each level that has a limit. Null: unknown. */
  async processes(paths: CgroupPaths): Promise<readonly ProcessRoom[] | null> {
    const { proc } = this.#roots;
    const [, used] = /^\S+ \S+ \S+ \d+\/(\d+) /.exec((await contentOf(join(proc, 'loadavg'))) ?? '') ?? [];
    const limits = [
      await numberIn(proc, 'sys/kernel/pid_max'),
      await numberIn(proc, 'sys/kernel/threads-max'),
    ];
    if (used === undefined || limits.includes(null)) return null;
    const limit = Math.min(...limits.map(Number));
    const rooms = [{ used: Number(used), limit, usualLimit: limit }];
    for (const folder of paths.above('pids')) {
      const now = await numberIn(folder, 'pids.max');
      const current = await numberIn(folder, 'pids.current');
      if (now !== null && current !== null)
        rooms.push({ used: current, limit: now, usualLimit: this.#largestOf(folder, now) });
    }
    return rooms;
  }

  /** The processors that sandboxes may run on; null: no group limits them, so all. */
  async processors(paths: CgroupPaths): Promise<ReadonlySet<number> | null> {
    const file = paths.version === 2 ? 'cpuset.cpus.effective' : 'cpuset.effective_cpus';
    for (const folder of paths.above('cpuset')) {
      const listed = listedNumbers(await contentOf(join(folder, file)));
      if (listed !== null) return listed;
    }
    return null;
  }

  /** How many processors' time per time sandboxes together may use. */
  async processorCount(paths: CgroupPaths): Promise<number> {
    const listed = await this.processors(paths);
    let count = listed?.size ?? availableParallelism();
    for (const folder of paths.above('cpu')) {
      const quota = await quotaOf(folder, paths.version);
      if (quota !== null) count = Math.min(count, this.#largestOf(`${folder}/quota`, quota));
    }
    return count;
  }

  async #leastOf(folders: readonly string[], file: string, most: number): Promise<number> {
    let least = most;
    for (const folder of folders) {
      const limit = await numberIn(folder, file);
      if (limit !== null) least = Math.min(least, this.#largestOf(`${folder}/${file}`, limit));
    }
    return least;
  }

  #largestOf(name: string, value: number): number {
    const largest = Math.max(value, this.#largest.get(name) ?? 0);
    this.#largest.set(name, largest);
    return largest;
  }
}

export interface ProcessRoom {
  readonly used: number;
  readonly limit: number;
  /** The largest limit that was seen. */
  readonly usualLimit: number;
}

/** Processors, from the bandwidth limit of a group; null where it has none. */
async function quotaOf(folder: string, version: 1 | 2): Promise<number | null> {
  if (version === 2) {
    const [quota, period] = ((await contentOf(join(folder, 'cpu.max'))) ?? '').trim().split(' ').map(Number);
    return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : null;
  }
  const quota = await numberIn(folder, 'cpu.cfs_quota_us');
  const period = await numberIn(folder, 'cpu.cfs_period_us');
  return quota !== null && period !== null && quota > 0 && period > 0 ? quota / period : null;
}

/** USER_HZ, in which /proc/stat counts on every architecture that Node runs on. */
const TICK_US = 10_000;

/** Processors, and how long they have been idle since the host started, together. */
export interface IdleTime {
  readonly processors: number;
  readonly idleUs: number;
}

/** Of these processors, or of all (null). The answer is null where it is unknown. */
export async function idleTime(
  { proc }: HostRoots,
  processors: ReadonlySet<number> | null,
): Promise<IdleTime | null> {
  const text = (await contentOf(join(proc, 'stat'))) ?? '';
  const lines = [...text.matchAll(/^cpu(\d+) \d+ \d+ \d+ (\d+) (\d+)/gm)].filter(
    ([, number]) => processors?.has(Number(number)) ?? true,
  );
  if (lines.length === 0 || (processors !== null && lines.length < processors.size)) return null;
  const ticks = lines.reduce((total, [, , idle, waiting]) => total + Number(idle) + Number(waiting), 0);
  return { processors: lines.length, idleUs: ticks * TICK_US };
}
