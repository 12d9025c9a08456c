import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { answer, pagesOf, type Question } from '../../images/reports/examples/agent.ts';
import { percentile } from '../demo/report.ts';
import { Faultline, type Rollout } from '../../src/client/client.ts';
import { TOKEN, World } from '../docker/support/server.ts';

/**
 * The worked example under load: its scripted agent answers every question through HTTP with `search` and then `cat`, in
 * several rollouts at once. Prints how often the right page is the first or one of the first five results, and calls per
 * second.
 *
 * `--data DIR` uses another corpus, `documents.jsonl` ({path, text}) and `questions.jsonl` ({question, document}), for
 * example TAT-QA, and builds an image with it.
 */
const given = new Command('bench:reports')
  .option('--data <dir>', 'another corpus and its questions')
  .option('--rollouts <n>', 'rollouts at once', Number, 8)
  .option('--passes <n>', 'how often all questions are asked', Number, 1)
  .parse()
  .opts<{ readonly data?: string; readonly rollouts: number; readonly passes: number }>();

interface Asked extends Question {
  readonly document: string;
}

const { data, rollouts: atOnce, passes } = given;
await using world = new World();
if (data !== undefined) buildImage(data);
const tasks = readFileSync('policies/tasks.yaml', 'utf8').replace(/^ {4}calls: 10\n/m, '');
writeFileSync(join(world.folder, 'policies/tasks.yaml'), tasks);
const { url } = await world.start();
const faultline = new Faultline({ url, token: TOKEN });

const questions = rows<Asked>(data ?? 'images/reports/examples', 'questions.jsonl');
const left = Array.from({ length: passes }, () => questions)
  .flat()
  .values();
const ranks: number[] = [];
const durations: number[] = [];
const { promise: allLive, resolve: begin } = Promise.withResolvers<number>();
let live = 0;

async function play(): Promise<void> {
  await using rollout = await faultline.open({ task: 'reports' });
  await rollout.call('list', { prefix: 'nothing' }); // The sandbox's start is not measured.
  if (++live === atOnce) begin(performance.now());
  await allLive;
  for (const question of left) await answer(watched(rollout, question), question);
}

/** Wraps the rollout: measures its calls and ranks the right page in its search results. */
function watched(rollout: Rollout, { document }: Asked): Pick<Rollout, 'call'> {
  return {
    call: async (tool, args) => {
      const began = performance.now();
      const told = await rollout.call(tool, args);
      durations.push(performance.now() - began);
      if (tool === 'search') ranks.push(pagesOf(told.output).indexOf(document));
      return told;
    },
  };
}

await Promise.all(Array.from({ length: atOnce }, play));
const seconds = (performance.now() - (await allLive)) / 1000;
const share = (within: number): string => {
  const hits = ranks.filter((rank) => rank >= 0 && rank < within).length;
  return `${String(hits)} (${((hits / ranks.length) * 100).toFixed(1)} %)`;
};
const ms = (part: number): string => `${percentile(durations, part).toFixed(0)} ms`;
console.log(`questions ${String(ranks.length)}  hit at 1: ${share(1)}  hit at 5: ${share(5)}`);
console.log(
  `${(durations.length / seconds).toFixed(1)} calls per second over ${String(durations.length)} calls, ` +
    `${String(atOnce)} rollouts at once; p50 ${ms(0.5)}, p95 ${ms(0.95)}; load ${loadavg()[0]?.toFixed(1) ?? '?'}`,
);

function rows<Row>(folder: string, file: string): Row[] {
  const lines = readFileSync(join(folder, file), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Row);
}

function buildImage(from: string): void {
  const image = 'faultline/reports:measured';
  const context = mkdtempSync(join(tmpdir(), 'faultline-reports-'));
  try {
    cpSync('images/reports', context, { recursive: true });
    rmSync(join(context, 'corpus'), { recursive: true });
    for (const { path, text } of rows<{ path: string; text: string }>(from, 'documents.jsonl')) {
      mkdirSync(dirname(join(context, 'corpus', path)), { recursive: true });
      writeFileSync(join(context, 'corpus', path), text);
    }
    execFileSync('docker', ['build', '-q', '-t', image, context], { timeout: 300_000 });
  } finally {
    rmSync(context, { recursive: true });
  }
  writeFileSync(join(world.folder, 'images/reports/image.yaml'), `reference: ${image}\n`);
}
