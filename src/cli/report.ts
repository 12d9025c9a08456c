import { Command } from 'commander';
import { Ledger } from '../report/ledger.ts';
import { overview, type Overview } from '../report/overview.ts';
import type { Scope } from '../report/scope.ts';
import { printJson, withData, withScope, type DataOptions } from './options.ts';
import { percent, table } from './terminal.ts';

interface ReportOptions extends DataOptions, Scope {}

export function reportCommand(): Command {
  const command = new Command('report').description('What happened: verdicts, causes, rates, slow phases');
  return withScope(withData(command)).action(async (options: ReportOptions) => {
    using ledger = await Ledger.open(options.data, 'light');
    const found = await overview(ledger, options);
    if (options.json === true) printJson(found);
    else console.log(overviewText(found));
  });
}

export function overviewText(found: Overview): string {
  const { rollouts, identity } = found;
  const excluded = rollouts.total === 0 ? 0 : rollouts.exclude / rollouts.total;
  return [
    `Rollouts: ${String(rollouts.total)} - ${String(rollouts.valid)} valid, ${String(rollouts.exclude)} excluded (${percent(excluded)}), ${String(rollouts.pending)} pending`,
    `Calls: ${String(identity.calls)} = sum over all attributions${identity.holds ? '' : ` ${String(identity.sum)}: THEY DIFFER, which is a bug`}; ${String(found.replayed)} took more than one attempt`,
    section('Calls by attribution and cause', ['attribution', 'cause', 'calls'], found.calls.map((one) => [one.attribution, one.cause, one.calls])),
    section('Infra rate over time (UTC)', ['from', 'calls', 'infra', 'rate', ''], found.over_time.map((one) => [one.from, one.calls, one.infra, percent(one.rate), bar(one.rate, found)])),
    section('Slowest phases', ['phase', 'calls', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'], found.phases.map((one) => [one.phase, one.calls, one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms])),
    section('Top causes', ['cause', 'attribution', 'rollouts', 'first', 'last', 'images', 'examples'], found.top_causes.map((one) => [one.cause, one.attribution, one.rollouts, one.first.slice(0, 16), one.last.slice(0, 16), one.images, one.examples.join(' ')])),
    section('Failed steps that were tried again', ['phase', 'code', 'attempts', 'rollouts'], found.retries.map((one) => [one.phase, one.code, one.attempts, one.rollouts])),
  ].join('\n'); // prettier-ignore
}

const BAR = 20;

function bar(rate: number, { over_time }: Overview): string {
  const most = Math.max(...over_time.map((one) => one.rate));
  return most === 0 ? '' : '█'.repeat(Math.round((rate / most) * BAR));
}

export function section(title: string, columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return rows.length === 0 ? `\n${title}: none` : `\n${title}\n${table(columns, rows)}`;
}
