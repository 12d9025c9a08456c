import { hash, randomUUID } from 'node:crypto';
import { access, constants, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { errorCode } from '../kernel/errors.ts';
import { eventsIn } from './events.ts';
import { quote } from './quote.ts';

const FOLDER = 'report-cache';

/** Part of each copy's name: a changed way of reading the journal does not find the old copies. */
const FORM = hash('sha256', eventsIn(['-'], 'light')).slice(0, 8);

/**
 * Copies of closed journal files, as Parquet without arguments, outputs and evidence. The journal stays the only record: a
 * copy's name contains size and time of its file, so an outdated copy is never found. The folder may be deleted at any time.
 */
export class SegmentCache {
  readonly #connection: DuckDBConnection;
  readonly #folder: string;

  private constructor(connection: DuckDBConnection, folder: string) {
    this.#connection = connection;
    this.#folder = folder;
  }

  /** Null if this user may not write into the data folder. */
  static async open(connection: DuckDBConnection, dataDir: string): Promise<SegmentCache | null> {
    const folder = join(dataDir, FOLDER);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await access(folder, constants.W_OK);
    } catch (error) {
      if (isRefusal(error)) return null;
      throw error;
    }
    return new SegmentCache(connection, folder);
  }

  /** Paths of the copies of these files. Missing ones are made; copies of other files are removed. */
  async of(journal: string, names: readonly string[]): Promise<string[]> {
    const copies = await Promise.all(names.map((name) => copyName(join(journal, name), name)));
    const there = new Set(await readdir(this.#folder));
    for (const [index, copy] of copies.entries())
      if (!there.has(copy)) await this.#make(join(journal, names[index] ?? ''), copy);
    await this.#tidy(copies, there);
    return copies.map((copy) => join(this.#folder, copy));
  }

  /** Atomic, also if two reports make the same copy at once: written under another name, then renamed. */
  async #make(file: string, copy: string): Promise<void> {
    const unfinished = join(this.#folder, `${randomUUID()}.unfinished`);
    try {
      await this.#connection.run(
        `COPY (${eventsIn([file], 'light')}) TO ${quote(unfinished)} (FORMAT parquet)`,
      );
      await rename(unfinished, join(this.#folder, copy));
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  async #tidy(wanted: readonly string[], there: ReadonlySet<string>): Promise<void> {
    const kept = new Set(wanted);
    const stale = [...there].filter((name) => name.endsWith('.parquet') && !kept.has(name));
    await Promise.all(stale.map((name) => rm(join(this.#folder, name), { force: true })));
  }
}

async function copyName(path: string, name: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${name}-${String(size)}-${String(Math.trunc(mtimeMs))}-${FORM}.parquet`;
}

function isRefusal(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes(String(errorCode(error)));
}
