import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { listLogFiles } from '../journal/log-file.ts';
import { eventsIn, type Depth } from './events.ts';
import { quote } from './quote.ts';
import { SegmentCache } from './segment-cache.ts';

/**
 * Makes the view `events`. `whole` reads the journal's files again for each query. `light` reads the newest file once, and
 * the others from the cache. `files`: names of the files to read; absent: all.
 *
 * @throws ENOENT if the data folder has no journal.
 */
export async function createEvents(
  connection: DuckDBConnection,
  dataDir: string,
  { depth, files }: { readonly depth: Depth; readonly files?: ReadonlySet<string> | undefined },
): Promise<void> {
  const folder = join(dataDir, 'journal');
  const names = (await listLogFiles(folder)).filter((name) => files?.has(name) ?? true);
  const paths = names.map((name) => join(folder, name));
  if (depth === 'whole') {
    await connection.run(`CREATE TEMP VIEW events AS ${eventsIn(paths, depth)}`);
    return;
  }
  const cache = names.length > 1 ? await SegmentCache.open(connection, dataDir) : null;
  const sealed = cache === null ? [] : await cache.of(folder, names.slice(0, -1));
  const rest = cache === null ? paths : paths.slice(-1);
  await connection.run(`CREATE TEMP TABLE newest AS ${eventsIn(rest, depth)}`);
  const copies =
    sealed.length === 0 ? '' : `UNION ALL SELECT * FROM read_parquet([${sealed.map(quote).join(', ')}])`;
  await connection.run(`CREATE TEMP VIEW events AS SELECT * FROM newest ${copies}`);
}
