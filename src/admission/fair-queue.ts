/**
 * What the engine is asked to do, highest priority first: start a sandbox that a rollout waits for, start one for the
 * warm pool, remove one.
 */
const PRIORITY_CLASSES = ['claim', 'refill', 'removal'] as const;
export type PriorityClass = (typeof PRIORITY_CLASSES)[number];

/** A removal that has waited this long is served next: an endless queue of claims must not fill the host. */
const REMOVAL_PATIENCE_MS = 60_000;

export interface Place {
  readonly id: string;
  readonly priorityClass: PriorityClass;
  /** The jobs of a priority class are served in rotation; within a job, first come, first served. */
  readonly job: string;
  /** A retry is served before the other places of its job. */
  readonly retry: boolean;
}

/** A place and how its work begins. */
export interface WaitingPlace extends Place {
  readonly begin: () => void;
}

interface Entry {
  readonly place: WaitingPlace;
  readonly since: number;
}

/** What the queue asks before it serves a place. */
export interface Gate {
  /** Whether work of this priority class may begin now. While it may not, its places keep their order. */
  isOpen(priorityClass: PriorityClass): boolean;
  monotonic(): number;
}

/**
 * The order of waiting work: by priority class, then the jobs of a class in rotation, then first come, first served.
 * Starts nothing itself; whoever has capacity calls `next`.
 */
export class FairQueue {
  readonly #gate: Gate;
  /** Per priority class, the waiting places of each job. The jobs stand in the order in which they are served. */
  readonly #jobs: Record<PriorityClass, Map<string, Entry[]>> = {
    claim: new Map(),
    refill: new Map(),
    removal: new Map(),
  };
  readonly #places = new Map<string, Place>();

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  waiting(priorityClass: PriorityClass): number {
    let count = 0;
    for (const entries of this.#jobs[priorityClass].values()) count += entries.length;
    return count;
  }

  add(place: WaitingPlace): void {
    const jobs = this.#jobs[place.priorityClass];
    const entries = jobs.get(place.job) ?? [];
    const entry = { place, since: this.#gate.monotonic() };
    if (place.retry) entries.unshift(entry);
    else entries.push(entry);
    jobs.set(place.job, entries);
    this.#places.set(place.id, place);
  }

  /** Takes the place to be served now out of the queue; null where none may begin. */
  next(): WaitingPlace | null {
    if (this.#removalIsOverdue()) return this.#nextOf('removal');
    for (const priorityClass of PRIORITY_CLASSES) {
      const place = this.#gate.isOpen(priorityClass) ? this.#nextOf(priorityClass) : null;
      if (place !== null) return place;
    }
    return null;
  }

  /** Removes a waiting place. No effect where the place has been served or never existed. */
  remove(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    const jobs = this.#jobs[place.priorityClass];
    const entries = (jobs.get(place.job) ?? []).filter((entry) => entry.place.id !== id);
    if (entries.length === 0) jobs.delete(place.job);
    else jobs.set(place.job, entries);
    this.#places.delete(id);
  }

  /** How many places of its class are served before this one if no further place is added; null where it does not wait. */
  position(id: string): number | null {
    const place = this.#places.get(id);
    if (place === undefined) return null;
    const jobs = [...this.#jobs[place.priorityClass]];
    const turn = jobs.findIndex(([job]) => job === place.job);
    const round = jobs[turn]?.[1].findIndex((entry) => entry.place.id === id) ?? 0;
    const others = jobs.map(([, entries], index) =>
      Math.min(entries.length, index < turn ? round + 1 : round),
    );
    return others.reduce((sum, count) => sum + count, 0);
  }

  #nextOf(priorityClass: PriorityClass): WaitingPlace | null {
    const jobs = this.#jobs[priorityClass];
    for (const [job, entries] of jobs) {
      const entry = entries.shift();
      // The job goes to the end of the rotation.
      jobs.delete(job);
      if (entries.length > 0) jobs.set(job, entries);
      if (entry === undefined) continue;
      this.#places.delete(entry.place.id);
      return entry.place;
    }
    return null;
  }

  #removalIsOverdue(): boolean {
    if (!this.#gate.isOpen('removal')) return false;
    const [first] = this.#jobs.removal.values();
    return first?.[0] !== undefined && this.#gate.monotonic() - first[0].since > REMOVAL_PATIENCE_MS;
  }
}
