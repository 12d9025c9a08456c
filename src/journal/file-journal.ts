import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { errorMessage } from '../kernel/errors.ts';
import type { JournalEvent, NewEvent } from './event.ts';
import { eventText } from './event-text.ts';
import {
  JournalError,
  type EventsOptions,
  type Journal,
  type JournalFile,
  type JournalHistory,
  type PlacedEvent,
  type Position,
  type SkipReason,
} from './journal.ts';
import { lockFolder } from './lock.ts';
import { listLogFiles, LogFile, logFileName, logFileNumber, syncFile } from './log-file.ts';
import { MAX_LINE_BYTES, readEvent, readLogFile } from './log-reader.ts';

export interface FileJournalOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  /** Maximum size of a file; an append that would exceed it goes to a new file. */
  readonly rotateBytes?: number;
  /** Longest line. An answer of 1 MB in which every byte needs escaping is shorter. */
  readonly maxLineBytes?: number;
  /** Maximum total size of the lines waiting to be written; further appends are refused. */
  readonly maxQueuedBytes?: number;
}

const DEFAULTS = {
  rotateBytes: 64 * 2 ** 20,
  maxLineBytes: MAX_LINE_BYTES,
  maxQueuedBytes: 256 * 2 ** 20,
};
/** Largest batch, unless a single line is longer. */
const BATCH_BYTES = 4 * 2 ** 20;

interface Entry {
  /** Null for a flush, which writes nothing. */
  readonly event: JournalEvent | null;
  readonly line: Buffer;
  readonly durable: boolean;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: JournalError) => void;
}

/**
 * The journal as JSON lines in `<data>/journal`: a new file for each process, and a new one whenever a file is full.
 *
 * Group commit: one batch is written at a time, with one write, and one fdatasync if any of its events is durable.
 * Appends that arrive meanwhile form the next batch, so they share the cost of a flush without a timer. If a batch fails,
 * all its appends are rejected and its file is abandoned; the next batch starts a new file.
 */
export class FileJournal implements Journal, JournalHistory {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #limits: typeof DEFAULTS;
  readonly #lock: Disposable;
  readonly #queue: Entry[] = [];
  readonly #observers: ((written: readonly PlacedEvent[]) => void)[] = [];
  #queuedBytes = 0;
  #file: LogFile | null = null;
  #nextNumber: number;
  #writing = false;
  #closed = false;
  #skippedLines = 0;

  private constructor(options: FileJournalOptions, folder: string, lock: Disposable, nextNumber: number) {
    this.#folder = folder;
    this.#clock = options.clock;
    this.#limits = { ...DEFAULTS, ...options };
    this.#lock = lock;
    this.#nextNumber = nextNumber;
  }

  /** @throws JournalError `in_use` if another controller uses the data folder. */
  static async open(options: FileJournalOptions): Promise<FileJournal> {
    const lock = lockFolder(options.dataDir);
    try {
      const folder = join(options.dataDir, 'journal');
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const last = (await listLogFiles(folder)).at(-1);
      // What a killed process left in the page cache is read from now on as if it were durable.
      if (last !== undefined) await syncFile(join(folder, last));
      return new FileJournal(options, folder, lock, last === undefined ? 1 : (logFileNumber(last) ?? 0) + 1);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  get skippedLines(): number {
    return this.#skippedLines;
  }

  async append({ type, ...fields }: NewEvent, { durable }: { readonly durable: boolean }): Promise<Position> {
    const at = new Date(this.#clock.now()).toISOString();
    const event = { at, type, ...fields } as JournalEvent;
    const line = Buffer.from(`${eventText(event)}\n`);
    if (line.length > this.#limits.maxLineBytes) {
      throw new JournalError(
        'too_large',
        `a ${type} of ${String(line.length)} bytes is too large for the journal`,
      );
    }
    return await this.#enqueue(event, line, durable);
  }

  async flush(): Promise<void> {
    if (this.#file === null && !this.#writing) return;
    await this.#enqueue(null, Buffer.alloc(0), true);
  }

  read(position: Position): Promise<JournalEvent> {
    return readEvent(this.#folder, position);
  }

  observe(observer: (written: readonly PlacedEvent[]) => void): void {
    this.#observers.push(observer);
  }

  async files(): Promise<JournalFile[]> {
    const names = await listLogFiles(this.#folder);
    return Promise.all(
      names.map(async (name) => {
        const { size } = await stat(join(this.#folder, name));
        return { name, number: logFileNumber(name) ?? 0, bytes: size };
      }),
    );
  }

  async *events({ after, onSkip }: EventsOptions = {}): AsyncIterable<PlacedEvent> {
    const active = this.#file === null ? null : { name: this.#file.name, bytes: this.#file.bytes };
    const first = after === undefined ? 0 : (logFileNumber(after.file) ?? 0);
    const { maxLineBytes } = this.#limits;
    for (const file of await listLogFiles(this.#folder)) {
      if ((logFileNumber(file) ?? 0) < first) continue;
      const end = file === active?.name ? active.bytes : Infinity;
      const start = file === after?.file ? after.offset : 0;
      const skip = (reason: SkipReason): void => {
        this.#skippedLines += 1;
        onSkip?.(reason, file);
      };
      yield* readLogFile(this.#folder, file, { start, end, maxLineBytes, skip });
      if (file === active?.name) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    const flushed = this.flush();
    this.#closed = true;
    try {
      await flushed;
      await this.#file?.close();
    } finally {
      this.#file = null;
      this.#lock[Symbol.dispose]();
    }
  }

  #enqueue(event: JournalEvent | null, line: Buffer, durable: boolean): Promise<Position> {
    if (this.#closed) return Promise.reject(new JournalError('closed', 'the journal is closed'));
    if (this.#queuedBytes + line.length > this.#limits.maxQueuedBytes) {
      return Promise.reject(
        new JournalError('overloaded', 'too many bytes are waiting to be written to the journal'),
      );
    }
    this.#queuedBytes += line.length;
    return new Promise((resolve, reject) => {
      this.#queue.push({ event, line, durable, resolve, reject });
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    await Promise.resolve(); // Appends of the same event loop iteration share the first batch.
    while (this.#queue.length > 0) await this.#writeBatch(this.#takeBatch());
    this.#writing = false;
  }

  #takeBatch(): Entry[] {
    let bytes = 0;
    const over = this.#queue.findIndex(
      ({ line }, index) => (bytes += line.length) > BATCH_BYTES && index > 0,
    );
    return this.#queue.splice(0, over === -1 ? this.#queue.length : over);
  }

  async #writeBatch(batch: readonly Entry[]): Promise<void> {
    const data = Buffer.concat(batch.map(({ line }) => line));
    try {
      const file = await this.#fileFor(data.length);
      let offset = file.bytes;
      const durable = batch.some((entry) => entry.durable);
      await file.append(data, durable);
      const placed = batch.map((entry) => {
        const position = { file: file.name, offset, bytes: entry.line.length };
        offset += entry.line.length;
        return { ...entry, position };
      });
      const written = placed.flatMap(({ event, position }) => (event === null ? [] : [{ event, position }]));
      if (written.length > 0) for (const observe of this.#observers) observe(written);
      for (const { resolve, position } of placed) resolve(position);
    } catch (error) {
      await this.#file?.abandon();
      this.#file = null;
      const failure = new JournalError('not_written', `journal: ${errorMessage(error)}`, { cause: error });
      for (const { reject } of batch) reject(failure);
    }
    this.#queuedBytes -= data.length;
  }

  async #fileFor(bytes: number): Promise<LogFile> {
    const file = this.#file;
    if (file !== null && (file.bytes === 0 || file.bytes + bytes <= this.#limits.rotateBytes)) return file;
    if (file !== null) {
      await file.append(Buffer.alloc(0), true); // Otherwise a crash could lose these appends but keep later ones.
      this.#file = null;
      await file.close();
    }
    const name = logFileName(this.#clock.now(), this.#nextNumber);
    this.#file = await LogFile.create(this.#folder, name);
    this.#nextNumber += 1; // Only now: a number without a file would look like a lost file.
    return this.#file;
  }
}
