import type { CauseCode } from '../outcome/causes.ts';
import type { KeptVerdict } from './kept-verdict.ts';
import type { EndReason, RolloutEnd } from './rollout.ts';
import type { Counts, JudgedCall } from './verdict.ts';

/** Never changed in meaning or order: a change takes a new format number of the store. */
const COLUMNS = ['ok', 'model', 'recovered', 'infra', 'task', 'client', 'undetermined'] as const;
const NAMED_010 = 1;
const DOUBTFUL = 2;
const DISPLACED = 4;

/** With times only where they are known. */
type EndText = EndReason | readonly [how: EndReason, lifeMs: number, commandsMs: number];

type Row = readonly [
  task?: string, job?: string, openedAt?: number, flags?: number, recoveries?: number, counts?: readonly number[],
  end?: EndText | null, loss?: CauseCode | null, reasons?: readonly CauseCode[],
  open?: readonly (readonly [call: string, cause: CauseCode | null, recovered: 0 | 1])[],
]; // prettier-ignore

/** A list without names, and without the empty fields at its end: about 60 bytes for an ordinary rollout. */
export function writeKept(kept: KeptVerdict): string {
  const { task, job, openedAt, recoveries, tally, end, loss, open } = kept;
  const flags =
    (kept.named010 ? NAMED_010 : 0) + (kept.doubtful ? DOUBTFUL : 0) + (kept.displaced ? DISPLACED : 0);
  const counts = trimmed(COLUMNS.map((column) => tally.counts[column]));
  const calls = Object.entries(open).map(([id, { cause, recovered }]) => [id, cause, recovered ? 1 : 0]);
  const sameJob = job === task ? '' : job;
  const seconds = Math.floor(openedAt / 1000);
  const row = [task, sameJob, seconds, flags, recoveries, counts, writeEnd(end), loss, tally.reasons, calls];
  return JSON.stringify(trimmed(row));
}

export function readKept(text: string): KeptVerdict {
  const row = JSON.parse(text) as Row;
  const [task = '', job = '', seconds = 0, flags = 0, recoveries = 0, counted = []] = row;
  const [, , , , , , end = null, loss = null, reasons = [], calls = []] = row;
  const counts = Object.fromEntries(COLUMNS.map((column, at) => [column, counted[at] ?? 0]));
  const sum = counted.reduce((total, count) => total + count, 0);
  return {
    ...{ task, job: job === '' ? task : job, openedAt: seconds * 1000, recoveries, end: readEnd(end), loss },
    named010: (flags & NAMED_010) !== 0,
    doubtful: (flags & DOUBTFUL) !== 0,
    displaced: (flags & DISPLACED) !== 0,
    tally: { counts: { ...counts, calls: sum, pending: 0 } as unknown as Counts, reasons },
    open: Object.fromEntries(
      calls.map(([id, cause, recovered]): [string, JudgedCall] => [
        id,
        { cause, recovered: recovered === 1 },
      ]),
    ),
  };
}

function writeEnd(end: RolloutEnd | null): EndText | null {
  if (end === null) return null;
  const { how, lifeMs, commandsMs } = end;
  return lifeMs === undefined || commandsMs === undefined ? how : [how, lifeMs, commandsMs];
}

function readEnd(text: EndText | null): RolloutEnd | null {
  if (text === null) return null;
  if (typeof text === 'string') return { how: text };
  const [how, lifeMs, commandsMs] = text;
  return { how, lifeMs, commandsMs };
}

const EMPTY = new Set(['null', '[]', '0', '""']);

function trimmed<Item>(items: readonly Item[]): Item[] {
  return items.slice(0, items.findLastIndex((item) => !EMPTY.has(JSON.stringify(item))) + 1);
}
