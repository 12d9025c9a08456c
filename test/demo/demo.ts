import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { errorMessage } from '../../src/kernel/errors.ts';
import { ownCases, publicCases, type Cases } from './cases.ts';
import { play, type DemoOptions } from './play.ts';
import { forFile, isClean, renderReport } from './report.ts';

const PUBLIC_SETS = `No --data: using the project's small data set. The public data sets are
  NL2Bash trajectories of InterCode (Princeton NLP)   https://github.com/princeton-nlp/intercode
  HumanEval (OpenAI)                                  https://github.com/openai/human-eval
A folder for --data holds intercode/gpt-4.jsonl, intercode/fs_{1,2,3}.tar and humaneval/HumanEval.jsonl.gz.`;

interface Arguments {
  readonly data?: string;
  readonly url?: string;
  readonly token?: string;
  readonly only?: 'shell' | 'python';
  readonly concurrency: number;
  readonly json?: string;
}

const program = new Command('demo')
  .description(
    'Simulates a fine-tuning platform: makes real tool calls from shell trajectories and Python problems, and compares every shell answer with plain docker exec in an identical container.',
  )
  .option('--data <folder>', 'folder of the public data sets (default: the small data set of the project)')
  .option('--url <url>', 'a running server on this engine that has the demo tasks (default: start one)')
  .option('--token <token>', 'token of that server', process.env['FAULTLINE_TOKEN'])
  .addOption(new Option('--only <part>', 'run only this part').choices(['shell', 'python']))
  .option('--concurrency <n>', 'maximum number of simultaneous rollouts', positive, 40)
  .option('--json <file>', 'also write the figures and all differences to a file');

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('expected a whole number above 0');
  return value;
}

/** Ctrl-C waits for running calls and removes every container; a second Ctrl-C ends at once. */
function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error('\nstopping, removing containers …');
      controller.abort(new Error('stopped'));
    });
  }
  return controller.signal;
}

async function chosenCases(given: Arguments): Promise<Cases> {
  if (given.data === undefined) console.error(PUBLIC_SETS);
  const cases = await (given.data === undefined ? ownCases() : publicCases(given.data));
  return {
    ...cases,
    trajectories: given.only === 'python' ? [] : cases.trajectories,
    problems: given.only === 'shell' ? [] : cases.problems,
  };
}

async function main(): Promise<number> {
  const given = program.parse().opts<Arguments>();
  const stop = stopOnSignal();
  const cases = await chosenCases(given);
  await using folder = await temporaryFolder();
  const options: DemoOptions = {
    run: randomBytes(4).toString('hex'),
    folder: folder.path,
    server: given.url === undefined ? null : { url: given.url, token: given.token ?? '' },
    width: given.concurrency,
    stop,
  };
  const summary = await play(options, cases);
  console.log(renderReport(summary));
  if (given.json !== undefined) await writeFile(given.json, JSON.stringify(forFile(summary), null, 2));
  return isClean(summary) ? 0 : 1;
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'faultline-demo-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(errorMessage(error));
  process.exitCode = 1;
}
