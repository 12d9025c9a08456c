import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * A map from text to values that holds only the last used ones in memory, and the rest in a temporary file. So a journal of
 * any length is read with bounded memory.
 */
export class PutAside<Value> implements Disposable {
  readonly #most: number;
  readonly #form: { readonly write: (value: Value) => string; readonly read: (text: string) => Value };
  readonly #near = new Map<string, Value>();
  readonly #path = join(tmpdir(), `faultline-rejudge-${randomUUID()}.sqlite`);
  #far: DatabaseSync | null = null;

  /** `most`: number of values in memory. A value that was got and changed is kept as it is then. */
  constructor(most: number, form: { write: (value: Value) => string; read: (text: string) => Value }) {
    this.#most = most;
    this.#form = form;
  }

  get(key: string): Value | undefined {
    const near = this.#near.get(key);
    if (near !== undefined) {
      this.#near.delete(key);
      this.#near.set(key, near);
      return near;
    }
    const row = this.#far?.prepare('SELECT value FROM aside WHERE key = ?').get(key);
    if (row === undefined) return undefined;
    const value = this.#form.read(String(row['value']));
    this.set(key, value);
    return value;
  }

  set(key: string, value: Value): void {
    this.#near.delete(key);
    this.#near.set(key, value);
    if (this.#near.size > this.#most) this.#spill();
  }

  *values(): Iterable<Value> {
    yield* this.#near.values();
    for (const { key, value } of this.#far?.prepare('SELECT key, value FROM aside').iterate() ?? [])
      if (!this.#near.has(String(key))) yield this.#form.read(String(value));
  }

  [Symbol.dispose](): void {
    if (this.#far === null) return;
    this.#far.close();
    rmSync(this.#path, { force: true });
  }

  /** Writes the less recently used half. */
  #spill(): void {
    const file = (this.#far ??= this.#create());
    const write = file.prepare('INSERT OR REPLACE INTO aside VALUES (?, ?)');
    file.exec('BEGIN');
    for (const [key, value] of [...this.#near].slice(0, Math.ceil(this.#most / 2))) {
      write.run(key, this.#form.write(value));
      this.#near.delete(key);
    }
    file.exec('COMMIT');
  }

  #create(): DatabaseSync {
    const file = new DatabaseSync(this.#path);
    file.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
    file.exec('CREATE TABLE aside (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
    return file;
  }
}
