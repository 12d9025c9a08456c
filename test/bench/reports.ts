import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { pagesOf } from '../../images/reports/examples/agent.ts';
import { Faultline } from '../../src/client/client.ts';
import { TOKEN, World } from '../docker/support/server.ts';

/**
 * Retrieval of the worked example over a corpus from outside: `--data DIR` holds `documents.jsonl` ({path, text}) and
 * `questions.jsonl` ({question, document}), as TAT-QA's. Builds the image with that corpus, asks every question as a
 * `search` call through HTTP, and prints how often the right page comes first, or among the five, and calls per second.
 */
const { values } = parseArgs({
  options: { data: { type: 'string' }, rollouts: { type: 'string', default: '8' } },
});
if (values.data === undefined) throw new Error('usage: node test/bench/reports.ts --data DIR [--rollouts N]');
const image = 'faultline/reports:measured';
const rows = <Row>(file: string): Row[] =>
  readFileSync(join(String(values.data), file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);

buildImage();
const questions = rows<{ question: string; document: string }>('questions.jsonl');
await using world = new World();
writeFileSync(join(world.folder, 'images/reports/image.yaml'), `reference: ${image}\n`);
const tasks = readFileSync('policies/tasks.yaml', 'utf8').replace(/^ {4}calls: 10\n/m, '');
writeFileSync(join(world.folder, 'policies/tasks.yaml'), tasks);
const { url } = await world.start();
const faultline = new Faultline({ url, token: TOKEN });

const ranks: number[] = [];
let next = 0;
async function play(): Promise<void> {
  await using rollout = await faultline.open({ task: 'reports' });
  await rollout.call('list', { prefix: 'nothing' }); // The sandbox's start is not measured.
  await started();
  for (let question = questions[next++]; question !== undefined; question = questions[next++]) {
    const { output } = await rollout.call('search', { query: question.question });
    ranks.push(pagesOf(output).indexOf(question.document));
  }
}

const { promise, resolve } = Promise.withResolvers<number>();
let ready = 0;
function started(): Promise<number> {
  if (++ready === Number(values.rollouts)) resolve(performance.now());
  return promise;
}

await Promise.all(Array.from({ length: Number(values.rollouts) }, play));
const seconds = (performance.now() - (await promise)) / 1000;
const share = (within: number): string => {
  const hits = ranks.filter((rank) => rank >= 0 && rank < within).length;
  return `${String(hits)} (${((hits / ranks.length) * 100).toFixed(1)} %)`;
};
console.log(`questions ${String(ranks.length)}  hit at 1: ${share(1)}  hit at 5: ${share(5)}`);
console.log(`${(ranks.length / seconds).toFixed(1)} calls per second, ${values.rollouts} rollouts at once`);

function buildImage(): void {
  const context = mkdtempSync(join(tmpdir(), 'faultline-reports-'));
  try {
    cpSync('images/reports', context, { recursive: true });
    rmSync(join(context, 'corpus'), { recursive: true });
    for (const { path, text } of rows<{ path: string; text: string }>('documents.jsonl')) {
      mkdirSync(dirname(join(context, 'corpus', path)), { recursive: true });
      writeFileSync(join(context, 'corpus', path), text);
    }
    execFileSync('docker', ['build', '-q', '-t', image, context], { timeout: 300_000 });
  } finally {
    rmSync(context, { recursive: true });
  }
}
