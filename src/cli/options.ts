import { Option, type Command } from 'commander';

export interface DataOptions {
  readonly data: string;
  readonly json?: true;
}

/** The options of all commands that read the journal. */
export function withData(command: Command): Command {
  return command
    .addOption(
      new Option('--data <folder>', 'data folder of the server').env('FAULTLINE_DATA').default('./data'),
    )
    .option('--json', 'JSON instead of tables');
}

/** The options that choose a part of the journal. */
export function withScope(command: Command): Command {
  return command
    .option('--since <time>', 'ISO time, or a span back from now such as 2h or 7d')
    .option('--until <time>', 'ISO time or span, for the end')
    .option('--job <id>', 'only this job')
    .option('--step <number>', 'only this training step of the job, from 1', wholeNumber)
    .option('--task <name>', 'only this task')
    .option('--image <name>', 'only this image');
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`not a whole number: ${text}`);
  return Number(text);
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
