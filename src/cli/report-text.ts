import type { Diagnostics } from '../report/diagnostics.ts';
import type { Overview } from '../report/overview.ts';
import type { Risk } from '../report/risk.ts';
import { riskSentences } from '../report/risk-words.ts';
import { oneLine, percent, table, terminalWidth } from './terminal.ts';

export function overviewText(found: Overview): string {
  const { rollouts, identity } = found;
  const excluded = rollouts.total === 0 ? 0 : rollouts.exclude / rollouts.total;
  return [
    `Rollouts: ${String(rollouts.total)} - ${String(rollouts.valid)} valid, ${String(rollouts.exclude)} excluded (${percent(excluded)}), ${String(rollouts.pending)} pending`,
    `Calls: ${String(identity.calls)} = sum over all attributions${identity.holds ? '' : ` ${String(identity.sum)}: THE SUMS DIFFER, which is a bug in faultline`}; ${String(found.replayed)} took more than one attempt`,
    section('Calls by attribution and cause', ['attribution', 'cause', 'calls'], found.calls.map((one) => [one.attribution, one.cause, one.calls])),
    ...(found.refused.length === 0 ? [] : [section('Faulty requests of the client', ['cause', 'requests', 'rollouts'], found.refused.map((one) => [one.cause, one.requests, one.rollouts]))]),
    section('Infra rate over time (UTC)', ['from', 'calls', 'infra', 'rate', ''], found.over_time.map((one) => [one.from, one.calls, one.infra, percent(one.rate), bar(one.rate, found)])),
    section('Slowest phases', ['phase', 'calls', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'], found.phases.map((one) => [one.phase, one.calls, one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms])),
    section('Top causes', ['cause', 'attribution', 'rollouts', 'first', 'last', 'images', 'examples'], found.top_causes.map((one) => [one.cause, one.attribution, one.rollouts, one.first.slice(0, 16), one.last.slice(0, 16), one.images, one.examples.join(' ')])),
    section('Retried failures', ['phase', 'code', 'attempts', 'rollouts'], found.retries.map((one) => [one.phase, one.code, one.attempts, one.rollouts])),
  ].join('\n'); // prettier-ignore
}

const BAR = 20;

function bar(rate: number, { over_time }: Overview): string {
  const most = Math.max(...over_time.map((one) => one.rate));
  return most === 0 ? '' : '█'.repeat(Math.round((rate / most) * BAR));
}

export function section(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
): string {
  return rows.length === 0 ? `\n${title}: none` : `\n${title}\n${table(columns, rows)}`;
}

export function riskText(found: Risk): string {
  const findings = found.findings.map((one) => [one.dimension, one.level, one.rate.hits, one.rate.of, percent(one.rate.hits / one.rate.of), percent(one.rest.hits / Math.max(1, one.rest.of)), one.ratio, one.interval.low, one.interval.high, one.adjustedP]); // prettier-ignore
  const worst = found.worstSteps.map((one) => [
    one.job,
    one.step,
    one.rollouts,
    one.excluded,
    percent(one.excluded / one.rollouts),
  ]);
  return [
    ...riskSentences(found).map((sentence) => wrap(`* ${oneLine(sentence)}`)),
    section(
      'Findings',
      ['by', 'level', 'failed', 'calls', 'rate', 'rest', 'ratio', 'low', 'high', 'p'],
      findings,
    ),
    section('Steps with most excluded rollouts', ['job', 'step', 'rollouts', 'excluded', 'rate'], worst),
  ].join('\n');
}

const ROWS_SHOWN = 10;

export function diagnosticsText({ rows, steps, deltas }: Diagnostics): string {
  const quadrants = deltas === null ? [] : Object.entries(deltas.kept.quadrants).map(([name, count]) => [name, count, deltas.with_excluded.quadrants[name as keyof typeof deltas.kept.quadrants]]); // prettier-ignore
  const between =
    deltas === null
      ? ''
      : ` (step ${String(deltas.from)} to ${String(deltas.to)}; "worse, more calls" should be empty)`;
  return [
    `Rows: ${String(rows.total)}; ${String(rows.without_spread)} have the same score in every rollout, so they give no signal to learn from; ${String(rows.all_zero)} never scored above zero.`,
    section('Rows with the least spread', ['row', 'rollouts', 'mean', 'spread', 'best'], rows.list.slice(0, ROWS_SHOWN).map((one) => [one.row, one.rollouts, one.mean, one.spread, one.best])),
    section('Steps', ['job', 'step', 'rollouts', 'reward', 'calls/rollout', 'tokens/call', 'latency ms', 'tool errors'], spaced(steps).map((one) => [one.job, one.step, one.rollouts, one.reward, one.calls_per_rollout, one.tokens_per_call, one.latency_ms, percent(one.tool_errors)])),
    section(`Rows by what changed${between}`, ['quadrant', 'rows', 'with excluded rollouts'], quadrants),
  ].join('\n'); // prettier-ignore
}

const STEPS_SHOWN = 20;

/** At most STEPS_SHOWN steps, evenly spaced, the first and the last included. */
function spaced<Item>(all: readonly Item[]): readonly Item[] {
  if (all.length <= STEPS_SHOWN) return all;
  const chosen = Array.from({ length: STEPS_SHOWN }, (_, index) =>
    Math.round((index * (all.length - 1)) / (STEPS_SHOWN - 1)),
  );
  return all.filter((_item, index) => chosen.includes(index));
}

function wrap(text: string): string {
  const width = Math.min(terminalWidth(), 100);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
