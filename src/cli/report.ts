import { Command } from 'commander';
import { diagnostics } from '../report/diagnostics.ts';
import { Ledger } from '../report/ledger.ts';
import { overview } from '../report/overview.ts';
import { risk } from '../report/risk.ts';
import { riskSentences } from '../report/risk-words.ts';
import type { Scope } from '../report/scope.ts';
import { printJson, withData, withScope, type DataOptions } from './options.ts';
import { diagnosticsText, overviewText, riskText } from './report-text.ts';

interface ReportOptions extends DataOptions, Scope {
  readonly risk?: true;
  readonly diagnostics?: true;
  readonly between?: readonly [number, number];
}

export function reportCommand(): Command {
  const command = new Command('report')
    .description('Verdicts, causes, infra rate over time, slowest phases, retries')
    .option('--risk', 'whether infrastructure fails some behaviours more often than others')
    .option('--diagnostics', 'scores against tool calls: dataset rows, steps, and changes between two steps')
    .option(
      '--between <from:to>',
      'the two steps that --diagnostics compares; default: the first and the last',
      twoSteps,
    );
  return withScope(withData(command)).action(async (options: ReportOptions) => {
    using ledger = await Ledger.open(options.data, 'light');
    if (options.risk === true) await printRisk(ledger, options);
    else if (options.diagnostics === true) await printDiagnostics(ledger, options);
    else await printOverview(ledger, options);
  });
}

async function printOverview(ledger: Ledger, options: ReportOptions): Promise<void> {
  const found = await overview(ledger, options);
  if (options.json === true) printJson(found);
  else console.log(overviewText(found));
}

async function printRisk(ledger: Ledger, options: ReportOptions): Promise<void> {
  const found = await risk(ledger, options);
  if (options.json === true) printJson({ ...found, sentences: riskSentences(found) });
  else console.log(riskText(found));
}

async function printDiagnostics(ledger: Ledger, options: ReportOptions): Promise<void> {
  const found = await diagnostics(ledger, options, options.between ?? null);
  if (options.json === true) printJson(found);
  else console.log(diagnosticsText(found));
}

function twoSteps(text: string): [number, number] {
  const match = /^(\d+):(\d+)$/.exec(text);
  if (match === null) throw new RangeError(`not two steps: ${text} (expected such as 1:40)`);
  return [Number(match[1]), Number(match[2])];
}
