import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Faultline, InfraError, TaskError, type Verdict } from '../../../src/client/client.ts';
import { advantages } from './advantages.ts';
import { answer, type Question } from './agent.ts';
import { grade, type Expected } from './grade.ts';

/** A trainer's step without a model: a group of rollouts per question, graded, with those left out that broke. */

const GROUP = 4;

type Row = Question & Expected;

const faultline = new Faultline({
  url: process.env['FAULTLINE_URL'] ?? 'http://127.0.0.1:8080',
  token: process.env['FAULTLINE_TOKEN'] ?? '',
  job: 'reports-example',
});

async function play(row: Row, rank: number): Promise<{ id: string; reward: number }> {
  await using rollout = await faultline.open({ item: row });
  try {
    return { id: rollout.id, reward: grade(await answer(rollout, row, rank), row) };
  } catch (error) {
    // Not the model's doing: the verdict leaves it out, so the reward doesn't matter.
    if (error instanceof InfraError || error instanceof TaskError) return { id: rollout.id, reward: 0 };
    throw error;
  }
}

const lines = readFileSync(join(import.meta.dirname, 'questions.jsonl'), 'utf8')
  .trim()
  .split('\n');
for (const row of lines.map((line) => JSON.parse(line) as Row)) {
  const rollouts = await Promise.all(Array.from({ length: GROUP }, (_none, rank) => play(row, rank)));
  const { verdicts } = await faultline.verdicts(rollouts.map(({ id }) => id));
  const byId = new Map<string, Verdict['verdict']>(
    verdicts.map(({ rollout_id: id, verdict }) => [id, verdict]),
  );
  const told = rollouts.map(({ id }) => byId.get(id) ?? 'exclude');
  const rewards = rollouts.map(({ reward }) => reward);
  const shown = advantages(rewards, told).map((one) => (one === null ? 'left out' : one.toFixed(2)));
  console.log(`${row.id}  rewards ${rewards.join(' ')}  advantages ${shown.join(' ')}`);
}
