import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

const EVENT = /"type":"(\w+)","rollout":"([^"]*)"/;
const NEWLINE = 10;

/** The lines of a journal by event and rollout, each read once: a long suite asks after every case. */
export class JournalLines {
  readonly #folder: string;
  /** Bytes read of each file, up to the end of a line. */
  readonly #read = new Map<string, number>();
  readonly #lines = new Map<string, string[]>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Oldest first. */
  of(type: string, rollout: string): readonly string[] {
    for (const file of readdirSync(this.#folder).sort()) this.#readOn(file);
    return this.#lines.get(`${type} ${rollout}`) ?? [];
  }

  #readOn(file: string): void {
    const path = join(this.#folder, file);
    const from = this.#read.get(file) ?? 0;
    const fresh = Buffer.alloc(Math.max(0, statSync(path).size - from));
    if (fresh.length === 0) return;
    const descriptor = openSync(path, 'r');
    const length = readSync(descriptor, fresh, 0, fresh.length, from);
    closeSync(descriptor);
    const end = fresh.lastIndexOf(NEWLINE, length - 1) + 1;
    this.#read.set(file, from + end);
    for (const line of fresh.toString('utf8', 0, end).split('\n')) this.#keep(line);
  }

  #keep(line: string): void {
    const [, type = '', rollout = ''] = EVENT.exec(line) ?? [];
    if (type === '') return;
    const key = `${type} ${rollout}`;
    const lines = this.#lines.get(key);
    if (lines === undefined) this.#lines.set(key, [line]);
    else lines.push(line);
  }
}
