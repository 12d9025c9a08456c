import { crc32 } from 'node:zlib';
import type { JournalEvent } from '../journal/event.ts';
import { JournalError, type JournalFile, type JournalHistory, type Position } from '../journal/journal.ts';
import type { GapReason, Progress } from './verdict-store.ts';

/** Why an index that has come so far can't be made complete from this journal; null where it can. */
export async function findGap(
  progress: Progress | null,
  journal: JournalHistory,
  firstStart: boolean,
): Promise<GapReason | null> {
  const position = progress?.position ?? null;
  const files = await journal.files();
  const why = gapBetween(position, files, firstStart || progress !== null);
  if (why !== null || position === null) return why;
  return (await hasEvent(journal, position, progress?.lastEvent)) ? null : 'another_journal';
}

async function hasEvent(journal: JournalHistory, position: Position, sum?: number): Promise<boolean> {
  try {
    return sumOf(await journal.read(position)) === sum;
  } catch (error) {
    if (error instanceof JournalError) return false;
    throw error;
  }
}

/** By which an event is recognised. */
export const sumOf = (event: JournalEvent): number => crc32(JSON.stringify(event));

/**
 * Whether files are missing that the index has not read: null where it can be brought up to date without a loss. Files are
 * numbered from 1 without holes. Those before the one of `position` were read; it and all after it must be there.
 * `knownFromStart`: the index has been there since the data folder was new, or says itself what it lacks.
 */
export function gapBetween(
  position: Position | null,
  files: readonly JournalFile[],
  knownFromStart: boolean,
): GapReason | null {
  const first = files[0];
  if (position === null) {
    if (first === undefined) return knownFromStart ? null : 'journal_begins_late';
    if (first.number !== 1) return 'journal_begins_late';
    return hasHoles(files) ? 'files_missing' : null;
  }
  const own = files.find(({ name }) => name === position.file);
  if (own !== undefined) {
    if (own.bytes < position.offset + position.bytes) return 'another_journal';
    return hasHoles(files.filter(({ number }) => number >= own.number)) ? 'files_missing' : null;
  }
  // Retention keeps the file that was read last. So this one was lost, and perhaps with events that were never read.
  return files.some(({ number }) => number > numberOf(position)) ? 'files_missing' : 'another_journal';
}

const hasHoles = (files: readonly JournalFile[]): boolean =>
  files.some(({ number }, at) => at > 0 && number !== (files[at - 1]?.number ?? 0) + 1);

/** The number that a journal file's name ends with. */
const numberOf = ({ file }: Position): number => Number(/-(\d+)\.jsonl$/.exec(file)?.[1] ?? 0);

export const isBefore = (a: Position | null, b: Position): boolean =>
  a === null || numberOf(a) < numberOf(b) || (a.file === b.file && a.offset < b.offset);
