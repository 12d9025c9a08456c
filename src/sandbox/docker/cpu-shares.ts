import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { pause, type Clock } from '../../kernel/clock.ts';
import { errorCode, errorMessage } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import { groupsV2, groupV1 } from './cgroup-paths.ts';

const LOOK_MS = 500;
/** Processor time of a short call, at most. */
const SHORT_US = 300_000;
/** An idle sandbox is read in one of this many rounds: of a thousand sandboxes most are idle. */
const QUIET_LOOKS = 8;
/** Longer than a call with its extension. */
const REMEMBERED_MS = 15 * 60_000;

interface Place {
  /** Units of the file `used` per microsecond. */
  readonly perUs: number;
  readonly used: string;
  readonly weight: string;
  readonly usual: string;
  readonly least: string;
}

const places = (id: string): Place[] => [
  { used: `${groupV1('cpuacct', id)}/cpuacct.usage`, perUs: 1_000, weight: `${groupV1('cpu', id)}/cpu.shares`, usual: '1024', least: '64' },
  ...groupsV2(id).map((folder) => (
    { used: `${folder}/cpu.stat`, perUs: 1, weight: `${folder}/cpu.weight`, usual: '100', least: '6' }
  )),
]; // prettier-ignore

interface Watched {
  readonly place: Place;
  /** Processor time used when its last call began, read in the round after that. */
  beforeUs: number;
  /** Processor time used at the last reading. */
  usedUs: number;
  begun: boolean;
  low: boolean;
  /** It used no processor time between the last two readings. */
  quiet: boolean;
}

/**
 * Short calls run before long ones: a sandbox that has used `SHORT_US` since its last call began gets a sixteenth of the
 * usual CPU weight until its next call begins. A short call beside endless loops then waits for none of them, and the
 * loops share the rest equally. Works only for an engine on this host whose control groups this process may write.
 */
export class CpuShares implements Disposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sandboxes: () => Iterable<string>;
  readonly #stopped = new AbortController();
  readonly #watched = new Map<string, Watched>();
  /** Processor time of all sandboxes together since this object was made, one entry per round. */
  readonly #totals: { readonly atMs: number; readonly usedUs: number }[] = [];
  #totalUs = 0;
  #looks = 0;

  constructor(parts: { clock: Clock; log: Log; sandboxes: () => Iterable<string> }) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#sandboxes = parts.sandboxes;
    void this.#keep();
  }

  /** To be called when a call begins in the sandbox: restores its weight. */
  began(id: string): void {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    watched.begun = true;
    if (!watched.low) return;
    watched.low = false;
    orGone(writeFile(watched.place.weight, watched.place.usual)).catch((error: unknown) => {
      this.#giveUp(error);
    });
  }

  /** The share of all processors that all sandboxes together have used since then (monotonic ms), 0 to 1; null: unknown. */
  used(sinceMs: number): number | null {
    const first = this.#totals.findLast(({ atMs }) => atMs <= sinceMs) ?? this.#totals[0];
    const last = this.#totals.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
    const hadUs = (last.atMs - first.atMs) * 1_000 * availableParallelism();
    return (last.usedUs - first.usedUs) / hadUs;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopped;
    for (;;) {
      await pause(this.#clock, LOOK_MS, signal);
      if (signal.aborted) return;
      try {
        await this.#look();
      } catch (error) {
        this.#giveUp(error);
      }
    }
  }

  #giveUp(error: unknown): void {
    this.#stopped.abort();
    this.#log.warn({ error: errorMessage(error) }, 'CPU weights of sandboxes cannot be set on this host');
  }

  async #look(): Promise<void> {
    this.#looks += 1;
    const live = new Set(this.#sandboxes());
    for (const id of this.#watched.keys()) if (!live.has(id)) this.#watched.delete(id);
    for (const id of live) {
      const known = this.#watched.get(id);
      if (known === undefined) await this.#find(id);
      else if (known.begun || !known.quiet || this.#looks % QUIET_LOOKS === 0) await this.#judge(id, known);
    }
    const atMs = this.#clock.monotonic();
    if (this.#watched.size > 0) this.#totals.push({ atMs, usedUs: this.#totalUs });
    while ((this.#totals[0]?.atMs ?? atMs) < atMs - REMEMBERED_MS) this.#totals.shift();
  }

  async #find(id: string): Promise<void> {
    for (const place of places(id)) {
      const usedUs = await usedOf(place);
      if (usedUs === null) continue;
      this.#watched.set(id, { place, beforeUs: usedUs, usedUs, begun: false, low: false, quiet: false });
      return;
    }
  }

  async #judge(id: string, watched: Watched): Promise<void> {
    const usedUs = await usedOf(watched.place);
    if (usedUs === null) {
      this.#watched.delete(id);
      return;
    }
    this.#totalUs += usedUs - watched.usedUs;
    watched.quiet = usedUs === watched.usedUs && !watched.begun;
    watched.usedUs = usedUs;
    if (watched.begun) Object.assign(watched, { beforeUs: usedUs, begun: false });
    if (watched.low || usedUs - watched.beforeUs < SHORT_US) return;
    watched.low = true;
    await orGone(writeFile(watched.place.weight, watched.place.least));
  }

  [Symbol.dispose](): void {
    this.#stopped.abort();
  }
}

async function usedOf({ used, perUs }: Place): Promise<number | null> {
  const text = await orGone(readFile(used, 'utf8'));
  const number = /^(?:usage_usec )?(\d+)/.exec(text ?? '')?.[1];
  return number === undefined ? null : Number(number) / perUs;
}

/** Null where the sandbox is gone, or its control group has another path. */
async function orGone<T>(access: Promise<T>): Promise<T | null> {
  try {
    return await access;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENODEV') return null;
    throw error;
  }
}
