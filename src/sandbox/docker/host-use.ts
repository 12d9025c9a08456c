import type { Clock } from '../../kernel/clock.ts';
import type { HostMemory, HostProcesses } from '../../outcome/evidence.ts';
import { sum } from './cgroup-files.ts';
import type { CgroupPaths, HostRoots } from './cgroup-paths.ts';
import { HostCapacity, idleTime, type IdleTime, type ProcessRoom } from './host-capacity.ts';
import { memoryLimitHits, memoryUse, processes, processorUs } from './sandbox-use.ts';

/** An idle sandbox is read in one of this many rounds: of a thousand sandboxes most are idle. */
const QUIET_LOOKS = 8;
/** Memory is read in one of this many rounds. */
const MEMORY_LOOKS = 4;
/** Longer than a call with its extension. */
const REMEMBERED_MS = 15 * 60_000;
/** How much later than a call's begin the first reading may be. */
const LATE_MS = 1_500;
/** Where the processors were idle for more than this share, nobody withheld them. */
const MOST_IDLE = 0.1;
/** A limit within which there is less room than this share is full: other processes have ended since. */
const FULL = 0.99;

/** What is known of one sandbox from the rounds so far. */
export interface Measured {
  usedUs: number;
  memoryBytes: number;
  memoryPeakBytes: number;
  limitHits: number;
  begun: boolean;
  /** It used no processor time between the last two readings. */
  quiet: boolean;
}

/** One round. Processor time is of all sandboxes together since this object was made. */
interface Round {
  readonly atMs: number;
  readonly usedUs: number;
  readonly memoryBytes: number;
  readonly idle: IdleTime | null;
}

/**
 * Measures what the sandboxes of this controller use, all together, by their control groups on this host. Only reads, so
 * that it works for a server that is not root, and in a container that sees /sys/fs/cgroup. What can't be read is unknown:
 * a share is reported only where every live sandbox is measured.
 */
export class HostUse {
  readonly #paths: CgroupPaths;
  readonly #roots: HostRoots;
  readonly #clock: Clock;
  readonly #capacity: HostCapacity;
  readonly #measured = new Map<string, Measured>();
  readonly #rounds: Round[] = [];
  #live: ReadonlySet<string> = new Set();
  #totalUs = 0;
  #looks = 0;

  constructor(paths: CgroupPaths, roots: HostRoots, clock: Clock) {
    this.#paths = paths;
    this.#roots = roots;
    this.#clock = clock;
    this.#capacity = new HostCapacity(roots);
  }

  get measured(): ReadonlyMap<string, Measured> {
    return this.#measured;
  }

  /** A call begins in the sandbox. */
  began(id: string): void {
    const known = this.#measured.get(id);
    if (known !== undefined) known.begun = true;
  }

  /** One round over the live sandboxes. `whole`: the idle ones and their memory too, as at the end of a call. */
  async look(live: ReadonlySet<string>, whole = false): Promise<void> {
    this.#looks += 1;
    this.#live = live;
    const withMemory = whole || this.#looks % MEMORY_LOOKS === 0;
    for (const id of this.#measured.keys()) if (!live.has(id)) this.#measured.delete(id);
    const due = (known: Measured | undefined): boolean =>
      whole || known === undefined || known.begun || !known.quiet || this.#looks % QUIET_LOOKS === 0;
    const ids = [...live].filter((id) => due(this.#measured.get(id)));
    for (const id of ids) await this.#measure(id, withMemory);
    await this.#observeLimits();
    await this.#note();
  }

  /** So that a limit which somebody lowers later is known with its larger value. */
  async #observeLimits(): Promise<void> {
    await this.#capacity.memory(this.#paths);
    await this.#capacity.processes(this.#paths);
  }

  async #note(): Promise<void> {
    const atMs = this.#clock.monotonic();
    const idle = await idleTime(this.#roots, await this.#capacity.processors(this.#paths));
    const memoryBytes = [...this.#measured.values()].reduce((total, one) => total + one.memoryBytes, 0);
    this.#rounds.push({ atMs, usedUs: this.#totalUs, memoryBytes, idle });
    while ((this.#rounds[0]?.atMs ?? atMs) < atMs - REMEMBERED_MS) this.#rounds.shift();
  }

  async #measure(id: string, withMemory: boolean): Promise<void> {
    const usedUs = await processorUs(this.#paths, id);
    const known = this.#measured.get(id);
    if (usedUs === null) {
      this.#measured.delete(id);
      return;
    }
    // What a sandbox used before its first round counts too: too much of it is never infrastructure's advantage.
    this.#totalUs += usedUs - (known?.usedUs ?? 0);
    const now = known ?? { ...NOTHING };
    now.quiet = usedUs === now.usedUs && !now.begun;
    Object.assign(now, { usedUs, begun: false });
    this.#measured.set(id, now);
    if (withMemory || known === undefined) await this.#measureMemory(id, now);
  }

  /** A peak that rose since the last reading was reached since then; else the use now stands for the time between. */
  async #measureMemory(id: string, now: Measured): Promise<void> {
    const use = await memoryUse(this.#paths, id);
    if (use === null) {
      now.memoryBytes = Number.NaN;
      return;
    }
    now.memoryBytes = Math.max(use.nowBytes, use.peakBytes > now.memoryPeakBytes ? use.peakBytes : 0);
    now.memoryPeakBytes = Math.max(use.peakBytes, now.memoryPeakBytes);
    now.limitHits = (await memoryLimitHits(this.#paths, id)) ?? 0;
  }

  /** The sandbox's hits up to the last reading, for the difference over a call that begins now. */
  limitHits(id: string): number {
    return this.#measured.get(id)?.limitHits ?? 0;
  }

  /**
   * The share of the processors that all sandboxes together have used since then (monotonic ms). Null: unknown, or the
   * processors were not used up.
   */
  async processorsUsed(sinceMs: number): Promise<number | null> {
    const [first, last] = this.#window(sinceMs);
    if (first === undefined || last === undefined || !this.#complete) return null;
    const ms = last.atMs - first.atMs;
    if (!areBusy(first, last)) return null;
    const count = await this.#capacity.processorCount(this.#paths);
    return (last.usedUs - first.usedUs) / (ms * 1_000 * count);
  }

  /** @param hitsBefore `limitHits` when the call began. */
  async memory(id: string, sinceMs: number, hitsBefore: number): Promise<HostMemory | null> {
    const hits = await memoryLimitHits(this.#paths, id);
    const [first, last] = this.#window(sinceMs);
    const capacity = await this.#capacity.memory(this.#paths);
    if (hits === null || capacity === null || first === undefined || last === undefined) return null;
    const rounds = this.#rounds.slice(this.#rounds.indexOf(first));
    const most = Math.max(...rounds.map(({ memoryBytes }) => memoryBytes));
    if (!this.#complete || Number.isNaN(most)) return null;
    return { ownLimitHits: Math.max(0, hits - hitsBefore), sandboxesUsed: most / capacity };
  }

  /** @param freed Processes of the sandbox that have ended since a fork was refused. */
  async processes(freed: number): Promise<HostProcesses | null> {
    const rooms = await this.#capacity.processes(this.#paths);
    const all = sum(await Promise.all([...this.#live].map((id) => processes(this.#paths, id))));
    if (rooms === null || all === null) return null;
    const isFull = ({ used, limit }: ProcessRoom): boolean => used + freed >= FULL * limit;
    const capacity = Math.min(...rooms.map(({ usualLimit }) => usualLimit));
    return { full: rooms.some(isFull), sandboxesUsed: (all + freed) / capacity };
  }

  /** Every live sandbox was measured in the last round. */
  get #complete(): boolean {
    return [...this.#live].every((id) => this.#measured.has(id));
  }

  /** The rounds between which the time since then lies; none where measuring began later, or ended before. */
  #window(sinceMs: number): [Round?, Round?] {
    const first = this.#rounds.findLast(({ atMs }) => atMs <= sinceMs) ?? this.#rounds[0];
    const last = this.#rounds.at(-1);
    if (first === undefined || last === undefined) return [];
    return first.atMs <= sinceMs + LATE_MS && last.atMs > first.atMs ? [first, last] : [];
  }
}

const NOTHING: Measured = {
  ...{ usedUs: 0, memoryBytes: 0, memoryPeakBytes: -1, limitHits: 0 },
  ...{ begun: false, quiet: false },
};

function areBusy(first: Round, last: Round): boolean {
  if (first.idle === null || last.idle === null) return false;
  const elapsedUs = (last.atMs - first.atMs) * 1_000 * last.idle.processors;
  return last.idle.idleUs - first.idle.idleUs <= MOST_IDLE * elapsedUs;
}
