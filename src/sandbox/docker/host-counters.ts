import { readFile } from 'node:fs/promises';
import type { Counters } from '../../protocol/messages.ts';

const ROOT = '/sys/fs/cgroup';

/** Where Docker makes a container's control group, of one controller (v1) or of all (v2, either of two). */
export const groupV1 = (controller: string, id: string): string => `${ROOT}/${controller}/docker/${id}`;
export const groupsV2 = (id: string): string[] => [
  `${ROOT}/system.slice/docker-${id}.scope`,
  `${ROOT}/docker/${id}`,
];

/** Counters of a container's cgroup as the host sees them, or null where there is no such cgroup here. */
export async function hostCounters(id: string): Promise<Counters | null> {
  for (const folder of groupsV2(id)) {
    const counters = await readV2(folder);
    if (counters !== null) return counters;
  }
  return readV1(id);
}

async function readV1(id: string): Promise<Counters | null> {
  const file = (controller: string, name: string) => text(`${groupV1(controller, id)}/${name}`);
  const oom = await file('memory', 'memory.oom_control');
  if (oom === null) return null;
  const throttling = await file('cpu', 'cpu.stat');
  return {
    ...UNKNOWN,
    oomKills: field(oom, 'oom_kill'),
    memoryUsageBytes: number(await file('memory', 'memory.usage_in_bytes')),
    memoryPeakBytes: number(await file('memory', 'memory.max_usage_in_bytes')),
    memoryLimitBytes: number(await file('memory', 'memory.limit_in_bytes')),
    pidsCurrent: number(await file('pids', 'pids.current')),
    pidsLimit: number(await file('pids', 'pids.max')),
    pidsLimitHits: field(await file('pids', 'pids.events'), 'max'),
    cpuUsageUs: Math.floor(number(await file('cpuacct', 'cpuacct.usage')) / 1000),
    cpuThrottledUs: Math.floor(field(throttling, 'throttled_time') / 1000),
    cpuThrottledPeriods: field(throttling, 'nr_throttled'),
  };
}

async function readV2(folder: string): Promise<Counters | null> {
  const file = (name: string) => text(`${folder}/${name}`);
  const memory = await file('memory.events');
  if (memory === null) return null;
  const cpu = await file('cpu.stat');
  return {
    ...UNKNOWN,
    oomKills: field(memory, 'oom_kill'),
    memoryUsageBytes: number(await file('memory.current')),
    memoryPeakBytes: number(await file('memory.peak')),
    memoryLimitBytes: number(await file('memory.max')),
    pidsCurrent: number(await file('pids.current')),
    pidsLimit: number(await file('pids.max')),
    pidsLimitHits: field(await file('pids.events'), 'max'),
    cpuUsageUs: field(cpu, 'usage_usec'),
    cpuThrottledUs: field(cpu, 'throttled_usec'),
    cpuThrottledPeriods: field(cpu, 'nr_throttled'),
  };
}

/** The file system's counters can't be had from outside without entering the container. */
const UNKNOWN = { rootFreeBytes: -1, rootFreeInodes: -1 };

async function text(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}

function number(content: string | null): number {
  const value = Number.parseInt(content ?? '', 10);
  return Number.isNaN(value) ? -1 : value;
}

/** The value in a file of `name value` lines. */
function field(content: string | null, name: string): number {
  const line = content?.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return number(line?.slice(name.length + 1) ?? null);
}
