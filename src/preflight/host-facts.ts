import { readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import type { HostFacts } from '../admission/live-cap.ts';
import { SHARED_LIMITS, type SharedLimitFacts } from './shared-limits.ts';

/** Default of Linux on machines with few processors. */
export const USUAL_PID_MAX = 32_768;
const USUAL_DESCRIPTORS = 1_024;

/**
 * Reads the limits of the machine this process runs on. With a remote engine they are not the engine's, so the limit of
 * live sandboxes must be configured.
 */
export async function readHostFacts(): Promise<HostFacts & SharedLimitFacts> {
  const [memory, pidMax, limits] = await Promise.all(
    ['/proc/meminfo', '/proc/sys/kernel/pid_max', '/proc/self/limits'].map((file) => textOf(file)),
  );
  const availableKiB = numberIn(/^MemAvailable:\s+(\d+)/m, memory);
  return {
    memoryAvailableBytes: availableKiB === null ? freemem() : availableKiB * 1_024,
    pidMax: numberIn(/^(\d+)/, pidMax) ?? USUAL_PID_MAX,
    descriptorLimit: numberIn(/^Max open files\s+(\d+)/m, limits) ?? USUAL_DESCRIPTORS,
    memoryTotalBytes: totalmem(),
    sharedLimits: Object.fromEntries(await Promise.all(SHARED_LIMITS.map(({ name }) => settingOf(name)))),
  };
}

/** A setting of the kernel with its value. */
async function settingOf(name: string): Promise<[string, number | null]> {
  return [name, numberIn(/^(\d+)/, await textOf(`/proc/sys/${name.replaceAll('.', '/')}`))];
}

/** Null where there is no such file, as on systems other than Linux. */
async function textOf(file: string): Promise<string | null> {
  return await readFile(file, 'utf8').catch(() => null);
}

function numberIn(pattern: RegExp, text: string | null | undefined): number | null {
  const match = pattern.exec(text ?? '');
  return match === null ? null : Number(match[1]);
}
