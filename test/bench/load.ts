import type { Platform } from '../../src/cli/demo/platform.ts';
import { HttpCalls } from './call-ways.ts';

/** The daemon still works on the starts for a while after the last one has answered. */
const WARM_UP_MS = 3_000;

export interface Load {
  readonly sandboxes: number;
  readonly callsPerSecond: number;
  readonly durations: readonly number[];
}

/** Every sandbox takes one call after the other for `forMs`; the client runs on the same machine. */
export async function underLoad(platform: Platform, sandboxes: number, forMs: number): Promise<Load> {
  await using cleanup = new AsyncDisposableStack();
  const ways = await Promise.all(Array.from({ length: sandboxes }, () => HttpCalls.open(platform)));
  for (const way of ways) cleanup.use(way);
  await Promise.all(ways.map((way) => repeat(way, performance.now() + WARM_UP_MS, [])));
  const durations: number[] = [];
  const began = performance.now();
  await Promise.all(ways.map((way) => repeat(way, began + forMs, durations)));
  const tookMs = performance.now() - began;
  return { sandboxes, callsPerSecond: durations.length / (tookMs / 1000), durations };
}

async function repeat(way: HttpCalls, until: number, durations: number[]): Promise<void> {
  for (let now = performance.now(); now < until;) {
    await way.once();
    const after = performance.now();
    durations.push(after - now);
    now = after;
  }
}
