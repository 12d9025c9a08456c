import { Command, Option } from 'commander';
import { Ledger } from '../report/ledger.ts';
import { quote } from '../report/quote.ts';
import { condition, type Scope } from '../report/scope.ts';
import { printJson, withData, withScope, type DataOptions } from './options.ts';

const TIMES = {
  calls: 'ended_at',
  rollouts: 'opened_at',
  attempts: '"at"',
  gradings: '"at"',
  bursts: 'began_at',
} as const;
const FORMATS = { parquet: 'FORMAT parquet, COMPRESSION zstd', csv: 'FORMAT csv, HEADER' } as const;

interface ExportOptions extends DataOptions, Scope {
  readonly format: keyof typeof FORMATS;
}

export function exportCommand(): Command {
  const command = new Command('export')
    .description('Write one view to a file')
    .argument('<view>', Object.keys(TIMES).join(', '))
    .argument('<file>', 'where to')
    .addOption(new Option('--format <format>').choices(Object.keys(FORMATS)).default('parquet'));
  return withScope(withData(command)).action(async (view: string, file: string, options: ExportOptions) => {
    if (!Object.hasOwn(TIMES, view))
      throw new Error(`no such view: ${view} (there are ${Object.keys(TIMES).join(', ')})`);
    using ledger = await Ledger.open(options.data, 'whole');
    const where = condition(options, TIMES[view as keyof typeof TIMES]);
    await ledger.run(
      `COPY (SELECT * FROM ${view} WHERE ${where}) TO ${quote(file)} (${FORMATS[options.format]})`,
    );
    if (options.json === true) printJson({ view, file, format: options.format });
    else console.log(`${view} written to ${file}`);
  });
}
