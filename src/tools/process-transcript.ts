import { asTerminalShows } from '../outcome/terminal.ts';
import { type StreamText, type Transcript } from '../outcome/transcript.ts';
import type { Ending, StreamRecord } from '../protocol/messages.ts';
import { isCut } from './process-result.ts';

/** For the descriptions of tools. */
export const OUTPUT_SHOWN =
  'Output is shown as in a terminal: stdout and stderr as they come, without colour codes, redrawn lines as last drawn; of long output the middle is left out.';

interface ShownStream {
  readonly stream: StreamText;
  /** The given marks as indices in the stream's text. */
  readonly marks: readonly number[];
}

/**
 * What the model is to see of a process: both streams as a terminal would show them, in the order in which sandboxd read
 * them. Of a sandboxd that reports no order: stdout, then stderr.
 */
export function processTranscript(ending: Ending): Transcript {
  const order = ending.order ?? [];
  const stdout = shownStream(
    ending.stdout,
    order.map(([bytes]) => bytes),
  );
  const stderr = shownStream(
    ending.stderr,
    order.map(([, bytes]) => bytes),
  );
  return {
    streams: [stdout.stream, stderr.stream],
    order: order.map((_, at) => [stdout.marks[at] ?? 0, stderr.marks[at] ?? 0]),
    remarks: [],
    ifEmpty: emptyText(ending),
  };
}

/** For a call that ended well and showed nothing: without it, a model can't tell success from a lost answer. */
function emptyText({ stdout, stderr }: Ending): string {
  return stdout.totalBytes + stderr.totalBytes === 0 ? '(no output)' : '(no visible output)';
}

/** `marks` are ascending numbers of bytes of the whole stream. */
function shownStream(record: StreamRecord, marks: readonly number[]): ShownStream {
  if (!isCut(record)) {
    const whole = record.tail.length === 0 ? record.head : Buffer.concat([record.head, record.tail]);
    const { stretch, marks: indices } = asTerminalShows(whole, { before: false, after: false }, marks);
    return { stream: { head: stretch, tail: null, omittedBytes: 0 }, marks: indices };
  }
  const tailAt = record.totalBytes - record.tail.length;
  const head = asTerminalShows(record.head, { before: false, after: true }, marks);
  const tail = asTerminalShows(
    record.tail,
    { before: true, after: false },
    marks.map((mark) => mark - tailAt),
  );
  const omittedBytes = record.totalBytes - head.stretch.bytes - tail.stretch.bytes;
  const stream = { head: head.stretch, tail: tail.stretch, omittedBytes };
  return { stream, marks: marks.map((_, at) => (head.marks[at] ?? 0) + (tail.marks[at] ?? 0)) };
}
