import { Command } from 'commander';
import { Ledger } from '../report/ledger.ts';
import { printJson, withData, type DataOptions } from './options.ts';
import { table } from './terminal.ts';

export function sqlCommand(): Command {
  const command = new Command('sql')
    .description('Query the journal: views calls, rollouts, attempts, gradings, bursts, and the table events')
    .argument('<query>', 'SQL, in the dialect of DuckDB');
  return withData(command).action(async (query: string, options: DataOptions) => {
    using ledger = await Ledger.open(options.data, 'whole');
    const { columns, rows } = await ledger.table(query);
    if (options.json === true) {
      printJson(rows);
      return;
    }
    console.log(
      table(
        columns,
        rows.map((row) => columns.map((column) => row[column])),
      ),
    );
    console.log(`${String(rows.length)} rows`);
  });
}
