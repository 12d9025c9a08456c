import { Command } from 'commander';
import { causes, type CauseCode } from '../outcome/causes.ts';
import type { Row } from '../report/ledger.ts';
import { storyOf, type Story, type StoryProblem } from '../report/story.ts';
import { printJson, withData, type DataOptions } from './options.ts';
import { cell, oneLine, printable, terminalWidth } from './terminal.ts';

const OUTPUT_LINES = 12;

export function rolloutCommand(): Command {
  const command = new Command('rollout')
    .description('One rollout: each call, its answer, its evidence, and the verdict')
    .argument('<id>', 'rollout id (trace_id)')
    .option('--job <id>', 'the job of the rollout, where several have the id');
  return withData(command).action(async (id: string, options: DataOptions & { readonly job?: string }) => {
    const story = await storyOf(options.data, id, options.job);
    if (story === null)
      throw failure('unknown_rollout', `The journal has no rollout ${oneLine(id)}.`, options);
    if ('jobs' in story) {
      const jobs = story.jobs.map(oneLine).join(', ');
      throw failure(
        'job_not_named',
        `Several jobs have a rollout ${oneLine(id)}: name one by --job: ${jobs}.`,
        options,
      );
    }
    if (options.json === true) printJson(story);
    else console.log(tell(story));
  });
}

/** With `--json` the error is JSON as well, in the form of the server's errors. The exit status is 1. */
function failure(error: StoryProblem, message: string, { json }: DataOptions): Error {
  if (json === true) printJson({ error, message });
  return new Error(message);
}

export function tell({ rollout, calls, attempts, gradings }: Story): string {
  const { task, image, policy, job, step } = rollout;
  return [
    `Rollout ${cell(rollout['rollout'])}: task ${cell(task)}, image ${cell(image)}, policy ${cell(policy)}, job ${cell(job)}, step ${cell(step)}`,
    `opened ${cell(rollout['opened_at'])} UTC`,
    ...attempts.map(
      (one) =>
        `  retried, the model did not notice: ${cell(one['phase'])} failed (${cell(one['code'])}): ${cell(one['message'])}`,
    ),
    ...calls.map(tellCall),
    ending(rollout),
    ...gradings.map(
      (one) =>
        `Graded ${cell(one['at'])}: ${cell(one['ending'])}${one['score'] === null ? '' : `, score ${cell(one['score'])}`}`,
    ),
  ].join('\n');
}

function tellCall(call: Row, index: number): string {
  const width = terminalWidth() - 4;
  const head = `\n${String(index + 1)}. ${cell(call['tool'] ?? 'call')} (${cell(call['call'])})`;
  const given = call['arguments'] === null ? '' : `\n  > ${cell(call['arguments']).slice(0, width)}`;
  if (call['cause'] === null) return `${head}${given}\n  the journal has no ending of this call`;
  const cause = call['cause'] as CauseCode;
  const judged = `  ${cell(call['duration_ms'])} ms, status ${cell(call['status'])}; ${cell(call['attribution'])}: ${cause}`;
  const why =
    cause === 'completed' ? '' : ` - ${causes[cause].sentence}\n  evidence: ${cell(call['evidence'])}`;
  return `${head}${given}\n${shown(typeof call['output'] === 'string' ? call['output'] : '', width)}\n${judged}${why}`;
}

function shown(output: string, width: number): string {
  const lines = output.trimEnd().split('\n');
  const kept = lines.slice(0, OUTPUT_LINES).map((line) => `  | ${printable(line).slice(0, width)}`);
  if (lines.length > OUTPUT_LINES) kept.push(`  | … ${String(lines.length - OUTPUT_LINES)} more lines`);
  return kept.join('\n');
}

function ending(rollout: Row): string {
  const how =
    rollout['how'] === null
      ? 'not ended'
      : `ended ${cell(rollout['ended_at'])} UTC (${cell(rollout['how'])})`;
  const reason = rollout['verdict'] === 'exclude' ? ` because of ${cell(rollout['reason'])}` : '';
  return `\n${how}. Verdict: ${cell(rollout['verdict'])}${reason}.`;
}
