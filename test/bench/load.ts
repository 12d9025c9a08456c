import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Platform } from '../demo/platform.ts';
import { HttpCalls } from './call-ways.ts';

/** The daemon continues to work on the starts for a while after the last answer. */
const WARM_UP_MS = 3_000;
const CEILING_RUNS = 300;

export interface Load {
  readonly callsPerSecond: number;
  readonly durations: readonly number[];
}

export interface Loads {
  readonly sandboxes: number;
  readonly shell: Load;
  readonly python: Load;
  /** How many times per second this machine can start bash, with as many at a time as there are sandboxes. */
  readonly bashPerSecond: number;
}

/** Every sandbox runs one call after the other for `forMs`; the client runs on the same machine. */
export async function underLoad(platform: Platform, sandboxes: number, forMs: number): Promise<Loads> {
  await using cleanup = new AsyncDisposableStack();
  const ways = await Promise.all(Array.from({ length: sandboxes }, () => HttpCalls.open(platform)));
  for (const way of ways) cleanup.use(way);
  const shell = await load(ways, 'shell', forMs);
  const python = await load(ways, 'python', forMs);
  return { sandboxes, shell, python, bashPerSecond: await bashCeiling(sandboxes) };
}

async function load(ways: readonly HttpCalls[], tool: HttpCalls['tool'], forMs: number): Promise<Load> {
  for (const way of ways) way.tool = tool;
  await Promise.all(ways.map((way) => repeat(way, performance.now() + WARM_UP_MS, [])));
  const durations: number[] = [];
  const began = performance.now();
  await Promise.all(ways.map((way) => repeat(way, began + forMs, durations)));
  return { callsPerSecond: durations.length / ((performance.now() - began) / 1000), durations };
}

/** At least one call, and no new one after `until`. */
async function repeat(way: HttpCalls, until: number, durations: number[]): Promise<void> {
  for (let now = performance.now(); ;) {
    await way.once();
    const after = performance.now();
    durations.push(after - now);
    if (after >= until) return;
    now = after;
  }
}

async function bashCeiling(width: number): Promise<number> {
  const command = `seq ${String(CEILING_RUNS)} | xargs -P ${String(width)} -I{} bash -c true`;
  const began = performance.now();
  await promisify(execFile)('sh', ['-c', command], { timeout: 60_000 });
  return CEILING_RUNS / ((performance.now() - began) / 1000);
}
