import { join } from 'node:path';
import type { EventOf, JournalEvent } from '../journal/event.ts';
import type { JournalHistory, PlacedEvent, Position } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { errorMessage } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { findGap, isBefore, sumOf } from './journal-gap.ts';
import { foldEvent, isFolded, job010, type FoldedEvent, type KeptVerdict } from './kept-verdict.ts';
import { VerdictRows, type VerdictRow } from './verdict-rows.ts';
import { StoreDamaged, type Gap, type GapReason } from './verdict-store.ts';

export interface VerdictIndexParts {
  readonly dataDir: string;
  readonly journal: JournalHistory;
  /** The data folder is new, so nothing can be missing. */
  readonly firstStart: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Beside the gaps. `catching_up`: the index is being made from the journal. */
export type UnknownReason = GapReason | 'catching_up';

/** What the index says of a rollout id in a job. */
export type Found =
  | { readonly kind: 'kept'; readonly kept: KeptVerdict }
  /** The index would have it. */
  | { readonly kind: 'never_seen' }
  /** The index doesn't have it, and may lack it. */
  | { readonly kind: 'unknown'; readonly why: UnknownReason };

export interface IndexStatus {
  readonly complete: boolean;
  readonly why: UnknownReason | null;
  readonly gap: Gap | null;
}

/** Longest time for which a change is in the journal alone. After a crash it is read again from there. */
const COMMIT_MS = 1_000;
const EVENTS_PER_COMMIT = 50_000;

export const indexFile = (dataDir: string): string => join(dataDir, 'verdicts.db');

/**
 * The verdict of every rollout that this server has ever seen: a small file beside the journal, derived from it.
 *
 * Order: an event is in the journal first, then here, and here it is written only after the journal has flushed it. So the
 * file may lack the last events, which `catchUp` reads again, and never has one that the journal lacks.
 *
 * States. `behind`: the journal has events that it lacks; ids that it does not have are unknown. `current`: it gets every
 * event as it is written. `closed`. Transitions: behind → current by `catchUp`; current → behind where the file is found
 * damaged and made again; each → closed. Current with a gap, it is not complete: ids that it lacks stay unknown.
 */
export class VerdictIndex implements AsyncDisposable {
  readonly #parts: VerdictIndexParts;
  #rows: VerdictRows;
  #position: Position | null = null;
  /** The event at the position, until its checksum is taken. */
  #lastEvent: JournalEvent | null = null;
  #lastSum = 0;
  #gap: Gap | null = null;
  /** Files were missing at this start. What the operator accepted before says nothing of that. */
  #foundGap = false;
  /** The journal says of the gap, after the place where it is. */
  #gapIsRecorded = true;
  /** The last event that was written to the journal, whether it is here yet or not. */
  #written: Position | null = null;
  #state: 'behind' | 'current' | 'closed' = 'behind';
  /** The file is the one that the journal was read into. */
  #isCurrentFile = true;
  #committing: Promise<void> = Promise.resolve();
  #cancelCommit: (() => void) | null = null;

  private constructor(parts: VerdictIndexParts) {
    this.#parts = parts;
    this.#rows = VerdictRows.open(indexFile(parts.dataDir), parts);
    if (parts.firstStart && this.#rows.progress() === null)
      this.#rows.changes()({ position: null, lastEvent: 0, gap: null });
    parts.journal.observe((written) => {
      this.#observe(written);
    });
  }

  /** Opens the file, or makes a new one where it is missing or damaged. `catchUp` must follow. */
  static open(parts: VerdictIndexParts): VerdictIndex {
    return new VerdictIndex(parts);
  }

  get status(): IndexStatus {
    const why = this.#state === 'current' ? (this.#gap?.why ?? null) : 'catching_up';
    return { complete: why === null, why, gap: this.#gap };
  }

  /** Of the last event in it. Files of the journal before this one can be removed without a loss to the index. */
  get position(): Position | null {
    return this.#position;
  }

  find(id: string, namedJob?: string | null): Found {
    try {
      return this.#find(id, namedJob ?? '');
    } catch (error) {
      this.#beginAgain(error);
      return { kind: 'unknown', why: 'catching_up' };
    }
  }

  /** The named jobs that have a rollout of this id. */
  jobsOf(id: string): string[] {
    try {
      return this.#rows.jobsOf(id).filter((job) => job !== '');
    } catch (error) {
      this.#beginAgain(error);
      return [];
    }
  }

  /** Reads what the journal has and the index lacks. Resolves when the index is current; `status` says if it is complete. */
  async catchUp(): Promise<void> {
    const { clock, log } = this.#parts;
    const began = clock.monotonic();
    let events = null;
    while (events === null) events = await this.#readJournal();
    log.info({ events, ms: Math.round(clock.monotonic() - began), ...this.status }, 'verdict index');
  }

  /** The operator declares that no rollout is missing, whatever files are. */
  async acceptGap(): Promise<void> {
    await this.#parts.journal.append({ type: 'records_missing', why: null }, { durable: true });
    await this.#commit();
  }

  /** Number of rollouts in it. Reads the whole file. */
  async count(): Promise<number> {
    await this.#commit();
    return this.#rows.count();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'closed') return;
    this.#cancelCommit?.();
    if (this.#state === 'current') await this.#commit();
    this.#state = 'closed';
    this.#rows[Symbol.dispose]();
  }

  #find(id: string, job: string): Found {
    const own = this.#rows.get(id, job);
    if (own !== undefined) return { kind: 'kept', kept: this.#doubted(own.kept) };
    const { why } = this.status;
    return why === null ? { kind: 'never_seen' } : { kind: 'unknown', why };
  }

  /** The lost records may be of a rollout that had not ended when the loss was noticed. */
  #doubted(kept: KeptVerdict): KeptVerdict {
    const spansGap = kept.end === null && this.#gap !== null && kept.openedAt <= this.#gap.since;
    return spansGap ? { ...kept, doubtful: true } : kept;
  }

  /** @returns how many events; null where the file turned out to be damaged, and everything is to be read again */
  async #readJournal(): Promise<number | null> {
    const { journal, firstStart } = this.#parts;
    this.#isCurrentFile = true;
    const before = this.#rows.progress();
    this.#position = before?.position ?? null;
    this.#lastSum = before?.lastEvent ?? 0;
    this.#gap = before?.gap ?? null;
    const why = await findGap(before, journal, firstStart);
    if (why !== null) this.#noteGap(why);
    this.#foundGap = why !== null;
    const events = await this.#readOn(why === 'another_journal' ? null : this.#position);
    if (events === null) return null;
    this.#state = 'current';
    this.#foundGap = false;
    // In the journal too, so that an index that is made again from it knows.
    if (this.#gap !== null && !this.#gapIsRecorded)
      await journal.append({ type: 'records_missing', why: this.#gap.why }, { durable: true });
    await this.#commit();
    return events;
  }

  /** Reads until nothing is left, also of what is written meanwhile. @returns how many events */
  async #readOn(from: Position | null): Promise<number | null> {
    const onSkip = (reason: string): void => {
      if (reason === 'damaged') this.#noteGap('line_damaged');
    };
    let last = from;
    for (let count = 0; ;) {
      const after = last === null ? undefined : { file: last.file, offset: last.offset + last.bytes };
      for await (const { event, position } of this.#parts.journal.events({ after, onSkip })) {
        this.#foldOrBeginAgain(event, position);
        last = position;
        count += 1;
        if (count % EVENTS_PER_COMMIT === 0) await this.#commit();
        if (!this.#isCurrentFile) return null;
      }
      if (!this.#isCurrentFile) return null; // Found damaged by `find`, after the last event.
      if (this.#written === null || !isBefore(last, this.#written)) return count;
    }
  }

  #observe(written: readonly PlacedEvent[]): void {
    const last = written.at(-1)?.position;
    if (last === undefined) return;
    const isNewFile = last.file !== this.#written?.file;
    this.#written = last;
    if (this.#state !== 'current') return;
    for (const { event, position } of written) this.#foldOrBeginAgain(event, position);
    if (isNewFile) void this.#commit(); // So that the loss of this file would show.
    this.#cancelCommit ??= this.#parts.clock.alarm(COMMIT_MS, () => {
      this.#cancelCommit = null;
      void this.#commit();
    });
  }

  /** Never throws: the journal calls it, and the event is recorded whatever happens here. */
  #foldOrBeginAgain(event: JournalEvent, position: Position): void {
    if (!this.#isCurrentFile) return;
    try {
      this.#fold(event, position);
    } catch (error) {
      this.#beginAgain(error);
    }
  }

  #fold(event: JournalEvent, position: Position): void {
    if (isFolded(event)) {
      const row = this.#rowOf(event);
      const kept = foldEvent(row?.kept ?? null, event, this.#gap !== null);
      this.#rows.put({ id: event.rollout, job: row?.job ?? jobOf(event), kept });
    }
    if (event.type === 'records_missing' && !this.#foundGap) {
      this.#gap = gapOf(event);
      this.#gapIsRecorded = true;
    }
    this.#position = position;
    this.#lastEvent = event;
  }

  /** An event of 0.1.0 names no job, also where its rollout has one. */
  #rowOf(event: FoldedEvent): VerdictRow | undefined {
    const job = jobOf(event);
    const own = this.#rows.get(event.rollout, job);
    if (own !== undefined || job !== '' || event.type === 'rollout_opened') return own;
    const named = this.#rows.jobsOf(event.rollout).map((other) => this.#rows.get(event.rollout, other));
    return named.find((row) => row?.kept.named010 === true);
  }

  /** One at a time. Where the disk refuses, everything stays in memory for the next try. */
  #commit(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#commitNow());
    return this.#committing;
  }

  async #commitNow(): Promise<void> {
    if (this.#lastEvent !== null) this.#lastSum = sumOf(this.#lastEvent);
    const rows = this.#rows;
    const write = rows.changes();
    const progress = { position: this.#position, lastEvent: this.#lastSum, gap: this.#gap };
    try {
      if (this.#isClosed()) return;
      await this.#parts.journal.flush();
      if (rows === this.#rows && !this.#isClosed()) write(progress);
    } catch (error) {
      if (error instanceof StoreDamaged) this.#beginAgain(error);
      else
        this.#parts.log.error({ error: errorMessage(error) }, 'verdict index not written; it is tried again');
    }
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #noteGap(why: GapReason): void {
    this.#gap = { since: this.#parts.clock.now(), why };
    this.#gapIsRecorded = false;
    this.#parts.log.warn({ why }, 'the verdict index is not complete: an id that it lacks is unknown');
  }

  /** A damaged file is made again from the journal; after any other error the journal is read again from where the file is. */
  #beginAgain(error: unknown): void {
    if (this.#state === 'closed') return;
    const { log } = this.#parts;
    log.error({ error: errorMessage(error) }, 'verdict index not usable: the journal is read again');
    this.#rows = error instanceof StoreDamaged ? this.#rows.renew(error, this.#parts) : this.#rows.reopen();
    this.#lastEvent = null;
    this.#isCurrentFile = false;
    if (this.#state === 'behind') return; // Whoever reads the journal into it begins again.
    this.#state = 'behind';
    this.catchUp().catch((failure: unknown) => {
      log.error({ error: errorMessage(failure) }, 'verdict index not made again');
    });
  }
}

function gapOf({ at, why }: EventOf<'records_missing'>): Gap | null {
  return why === null ? null : { since: Date.parse(at), why: why as GapReason };
}

function jobOf(event: FoldedEvent): string {
  if (event.type === 'rollout_opened') return event.namedJob ?? job010(event) ?? '';
  return event.namedJob ?? '';
}
