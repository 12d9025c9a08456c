import { Command } from 'commander';
import type { Difference } from '../rejudge/difference.ts';
import { rejudgeFolder, type Rejudged } from '../rejudge/rejudge-folder.ts';
import { printJson, withData, type DataOptions } from './options.ts';
import { oneLine, table } from './terminal.ts';

interface RejudgeCommandOptions extends DataOptions {
  readonly write?: true;
  readonly limit: number;
}

const SHOWN = 50;

export function rejudgeCommand(): Command {
  const command = new Command('rejudge')
    .description(
      'Derive every outcome and verdict of the journal again from its evidence, and print what differs',
    )
    .option('--write', 'append what replaces the outcomes that differ; the server must not run')
    .option('--limit <number>', 'print at most this many differences', Number, SHOWN);
  return withData(command).action(async (options: RejudgeCommandOptions) => {
    const shown: Difference[] = [];
    const found = await rejudgeFolder(options.data, {
      write: options.write === true,
      onDifference: (difference) => {
        if (shown.length < options.limit) shown.push(difference);
      },
    });
    if (options.json === true) printJson(jsonOf(found, shown));
    else console.log(rejudgeText(found, shown));
    if (found.differences > found.written) process.exitCode = 1;
  });
}

function jsonOf({ outcomesByRules, ...found }: Rejudged, shown: readonly Difference[]): object {
  return { ...found, outcomes_by_rules: Object.fromEntries(outcomesByRules), shown };
}

export function rejudgeText(found: Rejudged, shown: readonly Difference[]): string {
  const { rules, outcomesByRules, verdicts, rollouts, unreadable, differences, written } = found;
  const byRules = [...outcomesByRules].map(
    ([number, count]) => `${String(count)} by rules ${String(number)}`,
  );
  const { valid, exclude, pending } = rollouts;
  return [
    `Outcomes: ${byRules.join(', ') || 'none'}; judged again by rules ${String(rules)}`,
    `Verdicts: ${String(verdicts)} recorded; derived now: ${String(valid)} valid, ${String(exclude)} excluded, ${String(pending)} pending`,
    ...(unreadable > 0 ? [`Lines that could not be read: ${String(unreadable)}`] : []),
    `Differences: ${String(differences)}${written > 0 ? `; ${String(written)} outcomes replaced` : ''}`,
    ...(shown.length === 0 ? [] : [`\n${differencesTable(shown)}`]),
    ...(differences > shown.length ? [`… and ${String(differences - shown.length)} more (--limit)`] : []),
  ].join('\n');
}

function differencesTable(shown: readonly Difference[]): string {
  return table(
    ['at', 'of', 'rollout', 'call', 'recorded', 'derived', 'why'],
    shown.map(({ at, of, rollout, call, recorded, derived, why }) => [
      at,
      of,
      oneLine(rollout),
      call === null ? '' : oneLine(call),
      recorded,
      derived ?? '',
      why,
    ]),
  );
}
