import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { Position } from '../journal/journal.ts';

/** Raised when the meaning of a row changes; a file with another number is set aside and rebuilt. */
const FORMAT = 1;
/** Marks the file as ours in its header. */
const APPLICATION = 0x66_61_76_78;

/** Why ids may be missing from the index. */
export interface Gap {
  /** Wall-clock milliseconds since 1970 at which it was noticed. */
  readonly since: number;
  readonly why: GapReason;
}

/**
 * `journal_begins_late`: rebuilt from a journal whose first files are gone. `files_missing`: files that were never read are
 * gone. `another_journal`: the journal is not the one that the index was made from. `line_damaged`: a record can't be read.
 */
export type GapReason = 'journal_begins_late' | 'files_missing' | 'another_journal' | 'line_damaged';

/** How far the index has read the journal. */
export interface Progress {
  /** Of the last event that is in the index; null: of none. */
  readonly position: Position | null;
  /** CRC-32 of that event, by which another journal with the same file names shows. */
  readonly lastEvent: number;
  /** Null: every rollout of the journal up to the position is in the index. */
  readonly gap: Gap | null;
}

export interface StoredRow {
  readonly id: string;
  /** Empty where the rollout's requests name no job. */
  readonly job: string;
  readonly text: string;
}

/** The file is not readable as an index. It must be set aside and made again. */
export class StoreDamaged extends Error {
  override readonly name = 'StoreDamaged';
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGE = new Set([11, 26]);

/**
 * The verdict index as a file: one row for each rollout, and how far the journal is in it, changed in one transaction. A
 * power cut may lose the last transactions, never a part of one.
 */
export class VerdictStore implements Disposable {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #all: StatementSync;
  readonly #put: StatementSync;
  readonly #setMeta: StatementSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#get = database.prepare('SELECT text, crc FROM rollouts WHERE id = ? AND job = ?');
    this.#all = database.prepare('SELECT job, text, crc FROM rollouts WHERE id = ?');
    this.#put = database.prepare('INSERT OR REPLACE INTO rollouts (id, job, text, crc) VALUES (?, ?, ?, ?)');
    this.#setMeta = database.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)');
  }

  /** Opens or creates the file. @throws StoreDamaged */
  static open(path: string, { readOnly = false } = {}): VerdictStore {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fresh = !existsSync(path);
    return checked(() => {
      const database = new DatabaseSync(path, { readOnly, timeout: 5_000 });
      try {
        if (fresh) create(database);
        verify(database);
        if (!readOnly) database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
        return new VerdictStore(database);
      } catch (error) {
        database.close();
        throw error;
      }
    });
  }

  /** Renames a damaged file. @returns its new name */
  static setAside(path: string, now: number): string {
    const aside = `${path}.damaged-${String(now)}`;
    for (const end of ['', '-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, aside + end);
    return aside;
  }

  /** Null where nothing was ever written. */
  progress(): Progress | null {
    return checked(() => {
      const row = this.#database.prepare("SELECT value FROM meta WHERE name = 'progress'").get();
      return row === undefined ? null : (JSON.parse(row['value'] as string) as Progress);
    });
  }

  get(id: string, job: string): string | null {
    return checked(() => {
      const row = this.#get.get(id, job);
      return row === undefined ? null : textOf(id, job, row);
    });
  }

  /** The rollouts of this id, whatever their jobs. */
  ofId(id: string): { readonly job: string; readonly text: string }[] {
    return checked(() =>
      this.#all.all(id).map((row) => {
        const job = row['job'] as string;
        return { job, text: textOf(id, job, row) };
      }),
    );
  }

  count(): number {
    return checked(() => Number(this.#database.prepare('SELECT count(*) AS n FROM rollouts').get()?.['n']));
  }

  /** All or nothing. Throws the error of SQLite where the disk refuses; then nothing has changed. */
  write(rows: readonly StoredRow[], progress: Progress): void {
    checked(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        for (const { id, job, text } of rows) this.#put.run(id, job, text, sumOf(id, job, text));
        this.#setMeta.run('progress', JSON.stringify(progress));
        this.#database.exec('COMMIT');
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function create(database: DatabaseSync): void {
  database.exec(`
    PRAGMA application_id = ${String(APPLICATION)};
    PRAGMA user_version = ${String(FORMAT)};
    CREATE TABLE rollouts (id TEXT NOT NULL, job TEXT NOT NULL, text TEXT NOT NULL, crc INTEGER NOT NULL,
      PRIMARY KEY (id, job)) WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`);
}

function verify(database: DatabaseSync): void {
  const value = (pragma: string): unknown =>
    Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
  if (value('application_id') !== APPLICATION || value('user_version') !== FORMAT)
    throw new StoreDamaged('not a verdict index of this version');
  const problem = value('quick_check(1)');
  if (problem !== 'ok') throw new StoreDamaged(String(problem));
}

const sumOf = (id: string, job: string, text: string): number => crc32(`${job}\n${id}\n${text}`);

function textOf(id: string, job: string, { text, crc }: Record<string, unknown>): string {
  if (typeof text !== 'string' || sumOf(id, job, text) !== crc)
    throw new StoreDamaged(`the row of rollout ${id} has another checksum`);
  return text;
}

function checked<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (DAMAGE.has((error as { errcode?: number }).errcode ?? 0))
      throw new StoreDamaged((error as Error).message, { cause: error });
    throw error;
  }
}
