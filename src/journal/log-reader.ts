import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEvent, UnknownEventType, type JournalEvent } from './event.ts';
import { JournalError, type PlacedEvent, type Position, type SkipReason } from './journal.ts';
import { logFileNumber } from './log-file.ts';

const NEWLINE = 0x0a;
const CHUNK_BYTES = 1024 * 1024;

/** One complete line without its newline, and its offset. */
interface Line {
  readonly bytes: Buffer;
  readonly offset: number;
}

/** Longest line of a journal, unless the journal is opened with another limit. */
export const MAX_LINE_BYTES = 16 * 2 ** 20;

interface ReadOptions {
  /** Bytes from which and up to which the file is read; a line starts at `start`. */
  readonly start: number;
  readonly end: number;
  readonly maxLineBytes: number;
  readonly skip: (reason: SkipReason) => void;
}

/** Events of one part of a file. Calls `skip` for each line that is torn, too long or foreign. */
export async function* readLogFile(
  folder: string,
  file: string,
  options: ReadOptions,
): AsyncIterable<PlacedEvent> {
  for await (const { bytes, offset } of linesOf(join(folder, file), options)) {
    const event = parse(bytes);
    if (typeof event === 'string') options.skip(event);
    else yield { event, position: { file, offset, bytes: bytes.length + 1 } };
  }
}

function parse(bytes: Buffer): JournalEvent | SkipReason {
  try {
    return parseEvent(bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof UnknownEventType) return 'unknown_type';
    if (error instanceof SyntaxError) return 'damaged';
    throw error;
  }
}

async function* linesOf(
  path: string,
  { start: first, end, maxLineBytes, skip }: ReadOptions,
): AsyncIterable<Line> {
  if (end <= first) return;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let offset = first;
  for await (const chunk of createReadStream(path, {
    start: first,
    end: end - 1,
    highWaterMark: CHUNK_BYTES,
  })) {
    let start = 0;
    const data = chunk as Buffer;
    for (let stop = data.indexOf(NEWLINE); stop >= 0; stop = data.indexOf(NEWLINE, start)) {
      const bytes = pendingBytes + stop - start;
      if (bytes > maxLineBytes) skip('damaged');
      else yield { bytes: Buffer.concat([...pending, data.subarray(start, stop)]), offset };
      offset += bytes + 1;
      start = stop + 1;
      pending = [];
      pendingBytes = 0;
    }
    pendingBytes += data.length - start;
    if (pendingBytes <= maxLineBytes) pending.push(data.subarray(start));
    else pending = []; // Too long for a line of the journal: only its length is kept until its newline.
  }
  if (pendingBytes > 0) skip('torn');
}

/** The event at a position. @throws JournalError `unreadable` */
export async function readEvent(folder: string, position: Position): Promise<JournalEvent> {
  const { file, offset, bytes } = position;
  try {
    if (logFileNumber(file) === null) throw new Error('not the name of a journal file');
    await using handle = await open(join(folder, file));
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await handle.read(buffer, 0, bytes, offset);
    return parseEvent(buffer.toString('utf8', 0, bytesRead));
  } catch (error) {
    throw new JournalError('unreadable', `no event at ${file}:${String(offset)}`, { cause: error });
  }
}
