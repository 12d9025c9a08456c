import {
  DuckDBInstance,
  DuckDBTypeId,
  type DuckDBConnection,
  type DuckDBResultReader,
  type Json,
} from '@duckdb/node-api';
import type { Depth } from './events.ts';
import { createEvents } from './journal-source.ts';
import { registerRowFunction } from './row-function.ts';
import { STORED, viewsOf } from './views.ts';

export type Row = Readonly<Record<string, Json>>;

/** The journal as tables. DuckDB runs in this process. */
export class Ledger implements Disposable {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /**
   * `light` is for reports over many calls and uses the cache. `whole` reads the journal again for each query, with
   * arguments, outputs and evidence. `files`: only these files of the journal.
   *
   * @throws ENOENT if the data folder has no journal.
   */
  static async open(dataDir: string, depth: Depth, files?: ReadonlySet<string>): Promise<Ledger> {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    registerRowFunction(connection);
    await createEvents(connection, dataDir, { depth, files });
    const kept = depth === 'light';
    // The place of each event is known now; `whole` events are read anew for each query.
    if (kept) await connection.run('SET preserve_insertion_order = false');
    for (const [name, sql] of Object.entries(viewsOf(depth))) {
      await connection.run(`CREATE TEMP ${kept && STORED.has(name) ? 'TABLE' : 'VIEW'} ${name} AS ${sql}`);
    }
    return new Ledger(instance, connection);
  }

  /** Rows as plain JSON values; large integers as numbers, times as text. @throws Error with DuckDB's message. */
  async rows<Wanted extends object = Row>(sql: string): Promise<Wanted[]> {
    const result = await this.#connection.runAndReadAll(sql);
    return plainRows(result) as Wanted[];
  }

  /** Columns and rows, for queries whose columns the caller does not know. */
  async table(sql: string): Promise<{ columns: string[]; rows: Row[] }> {
    const result = await this.#connection.runAndReadAll(sql);
    return { columns: result.deduplicatedColumnNames(), rows: plainRows(result) };
  }

  /** Runs a statement for its effect, such as COPY. */
  async run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  [Symbol.dispose](): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

const INTEGERS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
]);

/** DuckDB's JSON form writes large integers as text; here they are numbers, exact up to 2^53. */
function plainRows(result: DuckDBResultReader): Row[] {
  const names = result.deduplicatedColumnNames();
  const integers = names.filter((_name, index) => INTEGERS.has(result.columnTypeId(index)));
  const rows = result.getRowObjectsJson();
  for (const row of rows)
    for (const name of integers) if (typeof row[name] === 'string') row[name] = Number(row[name]);
  return rows;
}
