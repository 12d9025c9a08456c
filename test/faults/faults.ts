import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { ConfigurationError } from '../../src/policy/configuration-error.ts';
import { loadCases, type CaseLibrary } from './case-files.ts';
import { runChaos } from './chaos.ts';
import type { FaultCase } from './case-schema.ts';
import type { CaseResult } from './play.ts';
import { caseText, chaosText, tallyText } from './report-text.ts';
import { runCases } from './run-cases.ts';
import { tally } from './tally.ts';
import { World } from './world.ts';

interface Options {
  readonly case: readonly string[];
  readonly json?: string;
  readonly log: string;
  readonly seed: number;
  readonly calls?: number;
}

/** `npm run faults`: breaks the machinery in every known way and compares each verdict with what was done. */
async function main(): Promise<void> {
  const options = new Command('faults')
    .description(
      'Plays fault cases against a private engine; needs root. Ends with status 1 where one fails.',
    )
    .option('--case <name...>', 'only these cases', [])
    .option('--json <file>', 'every judgement and the tally, as JSON')
    .option(
      '--log <file>',
      "the injector's own log",
      join(tmpdir(), `faultline-faults-${String(process.pid)}.jsonl`),
    )
    .option('--seed <number>', 'for what is random', wholeNumber, 1)
    .option('--calls <number>', 'instead of the cases: so many calls under random faults', wholeNumber)
    .parse()
    .opts<Options>();
  const { calls } = options;
  const results = calls === undefined ? await allCases(options) : await chaos(options, calls);
  const found = tally(results);
  console.log(tallyText(found));
  if (options.json !== undefined)
    writeFileSync(options.json, JSON.stringify({ tally: found, results }, null, 2));
  if (results.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
}

async function allCases(options: Options): Promise<CaseResult[]> {
  const library = loadCases();
  const cases = chosen(library, options.case);
  console.log(`${String(cases.length)} cases; what is injected goes to ${options.log}`);
  return await runCases(cases, library.calls, {
    seed: options.seed,
    truthFile: options.log,
    onResult: (result) => console.log(caseText(result)),
  });
}

async function chaos({ seed, log }: Options, calls: number): Promise<CaseResult[]> {
  console.log(
    `${String(calls)} calls under random faults, seed ${String(seed)}; what is injected goes to ${log}`,
  );
  await using world = await World.start({ liveRestore: true, seed, truthFile: log });
  const result = await runChaos(world, calls, seed);
  console.log(caseText(result));
  console.log(chaosText(result));
  return [result];
}

function chosen({ cases }: CaseLibrary, names: readonly string[]): readonly FaultCase[] {
  const unknown = names.filter((name) => !cases.some((one) => one.name === name));
  if (unknown.length > 0)
    throw new RangeError(
      `no case ${unknown.join(', ')}; there are ${cases.map(({ name }) => name).join(', ')}`,
    );
  return names.length === 0 ? cases : cases.filter(({ name }) => names.includes(name));
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`not a whole number: ${text}`);
  return Number(text);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigurationError || error instanceof RangeError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
