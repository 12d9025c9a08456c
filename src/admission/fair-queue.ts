/** p-queue's own name for what it runs; it doesn't export it. */
type RunFunction = () => Promise<unknown>;

/**
 * What an engine's hands are wanted for, in this order: a rollout that waits for its sandbox, the warm pool, and
 * containers that nobody needs any more.
 */
export const LANES = ['claim', 'refill', 'removal'] as const;
export type Lane = (typeof LANES)[number];

/** A removal that waited for this long goes first, once: a queue of claims that never ends must not fill the host. */
const REMOVAL_PATIENCE_MS = 60_000;

export interface PlaceOptions {
  readonly id?: string;
  readonly signal?: AbortSignal | undefined;
  readonly lane: Lane;
  /** Jobs of one lane take turns; within a job, first come first served. */
  readonly job: string;
  /** A place that was had before: goes before the others of its job. */
  readonly again: boolean;
}

interface Entry {
  readonly id: string;
  readonly run: RunFunction;
  readonly since: number;
}

/** What the queue asks before it lets somebody go. */
export interface Gate {
  /** Whether work of this lane may begin now. A closed lane keeps its order. */
  isOpen(lane: Lane): boolean;
  monotonic(): number;
}

/** The order of work, for p-queue: lanes by rank, jobs in turn, first come first served. */
export class FairQueue {
  readonly #gate: Gate;
  readonly #lanes: Record<Lane, Map<string, Entry[]>> = {
    claim: new Map(),
    refill: new Map(),
    removal: new Map(),
  };
  readonly #jobOf = new Map<string, { lane: Lane; job: string }>();

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  /** What may begin now. p-queue asks for nothing while this is 0. */
  get size(): number {
    return LANES.reduce((sum, lane) => sum + (this.#gate.isOpen(lane) ? this.waiting(lane) : 0), 0);
  }

  waiting(lane: Lane): number {
    let count = 0;
    for (const entries of this.#lanes[lane].values()) count += entries.length;
    return count;
  }

  enqueue(run: RunFunction, options: Partial<PlaceOptions> = {}): void {
    const { id, lane, job } = options;
    if (id === undefined || lane === undefined || job === undefined)
      throw new TypeError('a place needs id, lane, job');
    const entries = this.#lanes[lane].get(job) ?? [];
    const entry = { id, run, since: this.#gate.monotonic() };
    if (options.again === true) entries.unshift(entry);
    else entries.push(entry);
    this.#lanes[lane].set(job, entries);
    this.#jobOf.set(id, { lane, job });
  }

  dequeue(): RunFunction | undefined {
    if (this.#removalIsOverdue()) return this.#next('removal');
    for (const lane of LANES) {
      const run = this.#gate.isOpen(lane) ? this.#next(lane) : undefined;
      if (run !== undefined) return run;
    }
    return undefined;
  }

  /** Takes back a place that has not been served. */
  remove(id: string): void {
    const place = this.#jobOf.get(id);
    if (place === undefined) return;
    const jobs = this.#lanes[place.lane];
    const entries = (jobs.get(place.job) ?? []).filter((entry) => entry.id !== id);
    if (entries.length === 0) jobs.delete(place.job);
    else jobs.set(place.job, entries);
    this.#jobOf.delete(id);
  }

  /** How many are served before this place, were nobody else to come; null where it has none. */
  position(id: string): number | null {
    const place = this.#jobOf.get(id);
    if (place === undefined) return null;
    const jobs = [...this.#lanes[place.lane]];
    const turn = jobs.findIndex(([job]) => job === place.job);
    const round = jobs[turn]?.[1].findIndex((entry) => entry.id === id) ?? 0;
    const others = jobs.map(([, entries], index) =>
      Math.min(entries.length, index < turn ? round + 1 : round),
    );
    return others.reduce((sum, count) => sum + count, 0);
  }

  filter(): RunFunction[] {
    return [];
  }

  /** Part of p-queue's interface; nobody changes lanes here. */
  setPriority(): never {
    throw new Error('a place keeps its lane');
  }

  #next(lane: Lane): RunFunction | undefined {
    const jobs = this.#lanes[lane];
    for (const [job, entries] of jobs) {
      const entry = entries.shift();
      jobs.delete(job);
      if (entries.length > 0) jobs.set(job, entries);
      if (entry === undefined) continue;
      this.#jobOf.delete(entry.id);
      return entry.run;
    }
    return undefined;
  }

  #removalIsOverdue(): boolean {
    if (!this.#gate.isOpen('removal')) return false;
    const [first] = this.#lanes.removal.values();
    return first?.[0] !== undefined && this.#gate.monotonic() - first[0].since > REMOVAL_PATIENCE_MS;
  }
}
