import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseEvent, type JournalEvent } from '../journal/event.ts';
import { listLogFiles } from '../journal/log-file.ts';
import { pause, systemClock } from '../kernel/clock.ts';
import { withData, type DataOptions } from './options.ts';
import { oneLine, terminalWidth } from './terminal.ts';

interface TailOptions extends DataOptions {
  readonly rollout?: string;
  readonly type?: string;
  readonly attribution?: string;
  readonly once?: true;
}

const ROUND_MS = 250;
const CHUNK_BYTES = 2 ** 20;

export function tailCommand(): Command {
  const command = new Command('tail')
    .description('Print events of the journal as they are written')
    .option('--rollout <id>', 'only this rollout')
    .option('--type <type>', 'only events of this type, such as call_finished')
    .option(
      '--attribution <attribution>',
      'only finished calls with this attribution: ok, model, infra, task, client, undetermined',
    )
    .option('--once', 'print the journal from its beginning, and exit');
  return withData(command).action(async (options: TailOptions) => {
    const follower = new Follower(join(options.data, 'journal'));
    if (options.once !== true) await follower.skip();
    do {
      for await (const event of follower.news()) if (wanted(event, options)) print(event, options);
      if (options.once !== true) await pause(systemClock, ROUND_MS);
    } while (options.once !== true);
  });
}

export function wanted(
  event: JournalEvent,
  { rollout, type, attribution }: Omit<TailOptions, 'data'>,
): boolean {
  if (type !== undefined && event.type !== type) return false;
  if (rollout !== undefined && !('rollout' in event && event.rollout === rollout)) return false;
  return (
    attribution === undefined || (event.type === 'call_finished' && event.outcome.attribution === attribution)
  );
}

function print(event: JournalEvent, { json }: TailOptions): void {
  console.log(json === true ? JSON.stringify(event) : line(event).slice(0, terminalWidth()));
}

/** An event as one line: time, type, and its most useful fields. */
export function line(event: JournalEvent): string {
  const { at, type, ...fields } = event;
  const shown =
    event.type === 'call_finished'
      ? `${event.rollout} ${event.call} ${event.tool} ${event.outcome.attribution}/${event.outcome.cause} ${String(event.durationMs)} ms`
      : Object.entries(fields).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' '); // prettier-ignore
  return oneLine(`${at.slice(11, 23)} ${type.padEnd(16)} ${shown}`);
}

/** Reads what is appended to the journal's files. Only complete lines are read; an incomplete one is read later. */
export class Follower {
  readonly #folder: string;
  readonly #read = new Map<string, number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Skips everything that is in the journal now. @throws ENOENT if there is no journal. */
  async skip(): Promise<void> {
    for (const file of await listLogFiles(this.#folder)) {
      await using handle = await open(join(this.#folder, file));
      this.#read.set(file, (await handle.stat()).size);
    }
  }

  async *news(): AsyncGenerator<JournalEvent> {
    for (const file of await listLogFiles(this.#folder)) yield* this.#newsOf(file);
  }

  async *#newsOf(file: string): AsyncGenerator<JournalEvent> {
    await using handle = await open(join(this.#folder, file));
    const { size } = await handle.stat();
    let rest = Buffer.alloc(0);
    let position = this.#read.get(file) ?? 0;
    while (position + rest.length < size) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - position - rest.length));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position + rest.length);
      if (bytesRead === 0) break;
      const whole = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const end = whole.lastIndexOf(0x0a) + 1;
      rest = whole.subarray(end);
      position += end;
      this.#read.set(file, position);
      yield* eventsIn(whole.subarray(0, end).toString('utf8'));
    }
  }
}

function* eventsIn(text: string): Generator<JournalEvent> {
  for (const one of text.split('\n')) {
    try {
      if (one !== '') yield parseEvent(one);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
}
