import { Command } from 'commander';
import { existsSync } from 'node:fs';
import { FileJournal } from '../journal/file-journal.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { verdictOfKept } from '../rollouts/kept-verdict.ts';
import { readKept } from '../rollouts/kept-verdict-text.ts';
import { indexFile, VerdictIndex } from '../rollouts/verdict-index.ts';
import { VerdictStore } from '../rollouts/verdict-store.ts';
import { printJson, withData, type DataOptions } from './options.ts';
import { oneLine } from './terminal.ts';

interface VerdictOptions extends DataOptions {
  readonly job?: string;
  readonly rebuild?: true;
  readonly acceptGap?: true;
}

export function verdictCommand(): Command {
  const command = new Command('verdict')
    .description(
      'The verdict of a rollout that was ever seen; without an id, the state of the index of verdicts',
    )
    .argument('[id]', 'rollout id (trace_id)')
    .option('--job <id>', 'the job that its requests name; without it, each job that has the id')
    .option('--rebuild', 'make the index again from the journal; the server must not run')
    .option(
      '--accept-gap',
      'declare that no rollout is missing although records are; the server must not run',
    );
  return withData(command).action(async (id: string | undefined, options: VerdictOptions) => {
    if (options.rebuild === true || options.acceptGap === true) await changeIndex(options);
    const told = id === undefined ? stateOf(options.data) : verdictsOf(id, options);
    if (options.json === true) printJson(told);
    else for (const line of lines(told)) console.log(line);
  });
}

type Told = ReturnType<typeof stateOf> | ReturnType<typeof verdictsOf>;

function openIndex(data: string): VerdictStore {
  const file = indexFile(data);
  if (existsSync(file)) return VerdictStore.open(file, { readOnly: true });
  throw new Error(`${file} does not exist. Start the server once, or use --rebuild.`);
}

function stateOf(data: string) {
  using store = openIndex(data);
  const { gap = null, position = null } = store.progress() ?? {};
  return {
    rollouts: store.count(),
    complete: gap === null,
    gap: gap === null ? null : { why: gap.why, since: new Date(gap.since).toISOString() },
    readTo: position === null ? null : `${position.file}:${String(position.offset)}`,
  };
}

function verdictsOf(id: string, { data, job }: VerdictOptions) {
  using store = openIndex(data);
  const rows = store.ofId(id).filter((row) => job === undefined || row.job === job);
  const complete = (store.progress()?.gap ?? null) === null;
  return rows.length > 0
    ? rows.map((row) => ({ rollout: id, job: row.job, ...verdictOfKept(readKept(row.text)) }))
    : [{ rollout: id, job: job ?? '', verdict: complete ? 'no_tool_call' : 'unknown', reasons: [] }];
}

function lines(told: Told): string[] {
  if (Array.isArray(told))
    return told.map(({ rollout, job, verdict, reasons }) => {
      const why = reasons.length === 0 ? '' : ` because of ${reasons.join(', ')}`;
      return `Rollout ${oneLine(rollout)}${job === '' ? '' : ` of job ${oneLine(job)}`}: ${verdict}${why}.`;
    });
  const { rollouts, gap, readTo } = told;
  const state = gap === null ? 'complete' : `not complete: ${gap.why}, noticed ${gap.since}`;
  return [`${String(rollouts)} rollouts; ${state}; read up to ${readTo ?? 'nothing'}.`];
}

/** @throws JournalError `in_use` while a server runs on the folder */
async function changeIndex({ data, rebuild, acceptGap }: VerdictOptions): Promise<void> {
  await using journal = await FileJournal.open({ dataDir: data, clock: systemClock });
  if (rebuild === true) VerdictStore.setAside(indexFile(data), systemClock.now());
  const log: Log = { info: () => undefined, warn: note, error: note };
  await using index = VerdictIndex.open({
    dataDir: data,
    journal,
    firstStart: false,
    clock: systemClock,
    log,
  });
  await index.catchUp();
  if (acceptGap === true) await index.acceptGap();
}

const note = (fields: Readonly<Record<string, unknown>>, message: string): void => {
  console.error(`${message}: ${JSON.stringify(fields)}`);
};
