import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventOf, JournalEvent } from '../journal/event.ts';
import { listLogFiles } from '../journal/log-file.ts';
import { MAX_LINE_BYTES, readLogFile } from '../journal/log-reader.ts';

/**
 * The journal of a data folder, which a server may be writing. Only reads; events that come while it reads may be missing.
 *
 * @throws ENOENT if the data folder has no journal.
 */
export class JournalFolder {
  readonly #folder: string;
  readonly #files: readonly string[];
  #unreadable = 0;

  private constructor(folder: string, files: readonly string[]) {
    this.#folder = folder;
    this.#files = files;
  }

  static async open(dataDir: string): Promise<JournalFolder> {
    const folder = join(dataDir, 'journal');
    return new JournalFolder(folder, await listLogFiles(folder));
  }

  /** Lines that were torn or are of another version. */
  get unreadable(): number {
    return this.#unreadable;
  }

  async *events(): AsyncIterable<JournalEvent> {
    const skip = (): void => {
      this.#unreadable += 1;
    };
    for (const file of this.#files) for await (const event of this.#eventsOf(file, skip)) yield event;
  }

  /** All events by which an earlier `rejudge --write` replaced outcomes. Reads whole only the files that have one. */
  async *corrections(): AsyncIterable<EventOf<'rejudged'>> {
    for (const file of this.#files) {
      const bytes = await readFile(join(this.#folder, file));
      if (!bytes.includes('"type":"rejudged"')) continue;
      for await (const event of this.#eventsOf(file, () => undefined))
        if (event.type === 'rejudged') yield event;
    }
  }

  async *#eventsOf(file: string, skip: () => void): AsyncIterable<JournalEvent> {
    const options = { start: 0, end: Infinity, maxLineBytes: MAX_LINE_BYTES, skip };
    for await (const { event } of readLogFile(this.#folder, file, options)) yield event;
  }
}
