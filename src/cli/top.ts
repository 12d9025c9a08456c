import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { z } from 'zod';
import { statusSchema } from '../http/schemas.ts';
import { pause, systemClock } from '../kernel/clock.ts';
import { printJson, withData, type DataOptions } from './options.ts';
import { percent, table } from './terminal.ts';

type Status = z.output<typeof statusSchema>;

interface TopOptions extends DataOptions {
  readonly url: string;
  readonly token?: string;
  readonly every: string;
  readonly once?: true;
}

const CLEAR = '\u001b[2J\u001b[H';

export function topCommand(): Command {
  const command = new Command('top')
    .description('Live state of a running server')
    .addOption(
      new Option('--url <url>', 'address of the server')
        .env('FAULTLINE_URL')
        .default('http://127.0.0.1:8080'),
    )
    .addOption(
      new Option('--token <token>', 'bearer token; default: the one in the data folder').env(
        'FAULTLINE_TOKEN',
      ),
    )
    .option('--every <seconds>', 'seconds between two updates', '1')
    .option('--once', 'print once, and exit');
  return withData(command).action(async (options: TopOptions) => {
    const token = options.token ?? (await readFile(join(options.data, 'token'), 'utf8')).trim();
    const everyMs = Number(options.every) * 1000;
    if (!(everyMs > 0)) throw new RangeError(`--every: not a number of seconds: ${options.every}`);
    let before: Status | null = null;
    do {
      const now = await look(options.url, token);
      if (options.json === true) printJson(now);
      else console.log((options.once === true ? '' : CLEAR) + screen(now, before));
      before = now;
      if (options.once !== true) await pause(systemClock, everyMs);
    } while (options.once !== true);
  });
}

async function look(url: string, token: string): Promise<Status> {
  const target = new URL('/v1/status', url);
  const response = await fetch(target, { headers: { authorization: `Bearer ${token}` } }).catch(
    (error: unknown) => {
      throw new Error(`no server answers at ${url}`, { cause: error });
    },
  );
  if (!response.ok) throw new Error(`${target.href}: ${String(response.status)} ${await response.text()}`);
  return statusSchema.parse(await response.json());
}

/** One screen. `before` is the status before it, for rates; null for the first. */
export function screen(now: Status, before: Status | null): string {
  return [head(now, before), bursts(now)].join('\n\n');
}

function head({ at, queue, sandboxes, rollouts, calls, ...rest }: Status, before: Status | null): string {
  const total = Object.values(calls).reduce((sum, one) => sum + one, 0);
  const rate = before === null ? '' : `, ${perSecond({ at, calls }, before)}/s`;
  const infra = total === 0 ? '' : `   infra ${percent(calls.infra / total)}`;
  const engine = queue.engine === 'closed' ? 'answers' : `DOES NOT ANSWER (circuit ${queue.engine})`;
  const now = rest.burst === null ? '' : `   current burst: ${String(rest.burst.rollouts)} answered`;
  return [
    `faultline ${at}   engine ${engine}${now}`,
    `queue      ${list({ waiting: queue.waiting, starting: queue.starting })} (concurrency limit ${queue.width.toFixed(1)})   expected wait ${seconds(queue.expected_wait_ms)}`,
    `sandboxes  ${String(sandboxes.live)} of ${String(sandboxes.cap)}   ${list({ warm: sandboxes.warm, filling: sandboxes.filling, 'to remove': sandboxes.to_remove, abandoned: sandboxes.abandoned })}`,
    `rollouts   ${list(rollouts)}`,
    `calls      ${String(total)}${rate}   ${list(calls)}${infra}`,
  ].join('\n');
}

function perSecond(now: Pick<Status, 'at' | 'calls'>, before: Status): string {
  const sum = ({ calls }: Pick<Status, 'calls'>): number =>
    Object.values(calls).reduce((total, one) => total + one, 0);
  const spanS = (Date.parse(now.at) - Date.parse(before.at)) / 1000;
  return ((sum(now) - sum(before)) / Math.max(spanS, 0.001)).toFixed(1);
}

function bursts({ bursts: past, burst }: Status): string {
  const shown = burst === null ? past : [...past, burst];
  if (shown.length === 0) return 'No bursts.';
  const rows = shown
    .toReversed()
    .map((one) => [
      one.began_at.slice(11, 19),
      one.rollouts,
      one.warm,
      one.cold,
      one.failed,
      one.p50_ms,
      one.p95_ms,
      one.p99_ms,
    ]);
  return table(['burst', 'rollouts', 'warm', 'cold', 'failed', 'p50 ms', 'p95 ms', 'p99 ms'], rows);
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join('   ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
