import type { KeptVerdict } from './kept-verdict.ts';
import { readKept, writeKept } from './kept-verdict-text.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { StoreDamaged, VerdictStore, type Progress, type StoredRow } from './verdict-store.ts';

export interface VerdictRow {
  readonly id: string;
  /** The named job; empty for none. */
  readonly job: string;
  readonly kept: KeptVerdict;
}

interface Entry {
  readonly id: string;
  readonly job: string;
  kept: KeptVerdict;
  /** It is not in the file as it is here. */
  dirty: boolean;
}

interface Reporters {
  readonly clock: Clock;
  readonly log: Log;
}

/** Entries that stay in memory after they are written, because their next event is likely to come soon. */
const KEPT_IN_MEMORY = 4_096;

/** The rows of the verdict store, with those in memory that have changed or were used lately. */
export class VerdictRows implements Disposable {
  readonly #path: string;
  readonly #store: VerdictStore;
  /** By rollout id; more than one entry where two jobs use the same id. */
  readonly #entries = new Map<string, Entry[]>();
  /** Number of ids at which memory is tidied next. */
  #limit = 2 * KEPT_IN_MEMORY;

  private constructor(path: string, store: VerdictStore) {
    this.#path = path;
    this.#store = store;
  }

  /** Opens the file; makes a new one where it is missing, or damaged, and then the damaged one is set aside. */
  static open(path: string, parts: Reporters): VerdictRows {
    try {
      return new VerdictRows(path, VerdictStore.open(path));
    } catch (error) {
      if (!(error instanceof StoreDamaged)) throw error;
      return VerdictRows.#newFile(path, error, parts);
    }
  }

  /** In place of these, which must not be used any more. */
  renew(why: StoreDamaged, parts: Reporters): VerdictRows {
    this.#store[Symbol.dispose]();
    return VerdictRows.#newFile(this.#path, why, parts);
  }

  static #newFile(path: string, why: StoreDamaged, { clock, log }: Reporters): VerdictRows {
    const aside = VerdictStore.setAside(path, clock.now());
    log.error({ error: why.message, aside }, 'verdict index damaged: set aside, made again from the journal');
    return new VerdictRows(path, VerdictStore.open(path));
  }

  /** As in the file, without what was not written yet. In place of these, which must not be used any more. */
  reopen(): VerdictRows {
    this.#store[Symbol.dispose]();
    return new VerdictRows(this.#path, VerdictStore.open(this.#path));
  }

  progress(): Progress | null {
    return this.#store.progress();
  }

  count(): number {
    return this.#store.count();
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }

  /** @throws StoreDamaged */
  get(id: string, job: string): VerdictRow | undefined {
    return this.#entry(id, job);
  }

  /** The jobs that have a rollout of this id. @throws StoreDamaged */
  jobsOf(id: string): string[] {
    const inMemory = this.#entries.get(id) ?? [];
    return [...new Set([...inMemory, ...this.#store.ofId(id)].map(({ job }) => job))];
  }

  put({ id, job, kept }: VerdictRow): void {
    const entry = this.#entry(id, job);
    if (entry === undefined) this.#remember({ id, job, kept, dirty: true });
    else Object.assign(entry, { kept, dirty: true });
  }

  /** What is to be written as of now. The returned function writes it; it throws what the store throws. */
  changes(): (progress: Progress) => void {
    const changed = [...this.#entries.values()].flat().filter(({ dirty }) => dirty);
    const taken = changed.map((entry) => ({ entry, kept: entry.kept, row: rowOf(entry) }));
    return (progress) => {
      this.#store.write(
        taken.map(({ row }) => row),
        progress,
      );
      for (const { entry, kept } of taken) entry.dirty = entry.kept !== kept;
      this.#forget();
    };
  }

  #entry(id: string, job: string): Entry | undefined {
    const inMemory = this.#entries.get(id)?.find((entry) => entry.job === job);
    if (inMemory !== undefined) return inMemory;
    const text = this.#store.get(id, job);
    return text === null ? undefined : this.#remember({ id, job, kept: readKept(text), dirty: false });
  }

  #remember(entry: Entry): Entry {
    this.#entries.set(entry.id, [...(this.#entries.get(entry.id) ?? []), entry]);
    if (this.#entries.size > this.#limit) this.#forget(entry.id);
    return entry;
  }

  /** The oldest first. What is not written yet stays. */
  #forget(except?: string): void {
    for (const [id, entries] of this.#entries) {
      if (this.#entries.size <= KEPT_IN_MEMORY) break;
      if (id !== except && !entries.some(({ dirty }) => dirty)) this.#entries.delete(id);
    }
    this.#limit = 2 * Math.max(KEPT_IN_MEMORY, this.#entries.size);
  }
}

const rowOf = ({ id, job, kept }: VerdictRow): StoredRow => ({ id, job, text: writeKept(kept) });
