import { plainStretch, replacedBytes, slice, type Stretch } from './stretch.ts';
import { formatBytes, omissionMarker } from './text.ts';

/** A stream of a call as the model is to see it. */
export interface StreamText {
  /** Its beginning, or all of it. */
  readonly head: Stretch;
  /** Its end, where bytes between are omitted. */
  readonly tail: Stretch | null;
  readonly omittedBytes: number;
}

/**
 * What the model is to see of a call, before it is fitted to the token budget. Plain data: it is sent to the tokenizer's
 * thread.
 */
export interface Transcript {
  readonly streams: readonly StreamText[];
  /** Where the second stream was read after the first, and the reverse: an index in each stream's text, neither descending. */
  readonly order: readonly (readonly [first: number, second: number])[];
  /** Shown after the streams, each in brackets on a line of its own. */
  readonly remarks: readonly string[];
  /** Shown where there is nothing else to show. */
  readonly ifEmpty: string;
}

/** Texts one after the other. */
export function plainTranscript(texts: readonly string[], remarks: readonly string[] = []): Transcript {
  return { streams: texts.map(wholeStream), order: [], remarks, ifEmpty: '' };
}

const wholeStream = (text: string): StreamText => ({
  head: plainStretch(text),
  tail: null,
  omittedBytes: 0,
});

export const textOf = ({ head, tail }: StreamText): string => head.text + (tail?.text ?? '');

/**
 * The stream with the first `headLength` and, from `tailStart` on, the last UTF-16 units of its text. The text up to its
 * own omission is at least `headLength` long, and `tailStart` is not before that omission.
 */
function shortened(stream: StreamText, headLength: number, tailStart: number): StreamText {
  const { head, tail } = stream;
  const end = head.text.length;
  if (headLength >= end && tailStart <= end) return stream;
  const kept = slice(head, 0, headLength);
  const last = tail === null ? slice(head, tailStart, end) : slice(tail, tailStart - end, tail.text.length);
  const whole = head.bytes + stream.omittedBytes + (tail?.bytes ?? 0);
  return { head: kept, tail: last, omittedBytes: whole - kept.bytes - last.bytes };
}

/** What is left of each stream: as in `shortened`. */
export interface Ends {
  readonly headLength: number;
  readonly tailStart: number;
}

/** Every stream shortened to its ends; null: it stays as it is. */
export function shortenedAll(transcript: Transcript, ends: readonly (Ends | null)[]): Transcript {
  const streams = transcript.streams.map((stream, place) => {
    const kept = ends[place] ?? null;
    return kept === null ? stream : shortened(stream, kept.headLength, kept.tailStart);
  });
  const moved = (index: number, place: number): number => {
    const kept = ends[place] ?? null;
    if (kept === null || index <= kept.headLength) return index;
    return kept.headLength + Math.max(0, index - kept.tailStart);
  };
  const order = transcript.order.map(([first, second]) => [moved(first, 0), moved(second, 1)] as const);
  return { ...transcript, streams, order };
}

/** The bytes of all streams that are not shown. */
export function omittedBytes({ streams }: Transcript): number {
  return streams.reduce((sum, stream) => sum + stream.omittedBytes, 0);
}

/**
 * The text for the model. Lines of the two streams stand in the order in which they began; a line is never interrupted. A
 * marker line stands where a stream's omitted part begins; markers with nothing between are one.
 */
export function compose(transcript: Transcript): string {
  const page = new Page();
  const lines = transcript.streams.map((stream) => new Lines(stream));
  for (const point of transcript.order)
    for (const [place, stream] of lines.entries()) stream.writeUpTo(point[place] ?? 0, page);
  for (const stream of lines) stream.writeUpTo(Infinity, page);
  return page.finish(allRemarks(transcript), transcript.ifEmpty);
}

function allRemarks({ streams, remarks }: Transcript): string[] {
  const bytes = streams.reduce(
    (sum, { head, tail }) => sum + replacedBytes(head) + (tail === null ? 0 : replacedBytes(tail)),
    0,
  );
  return bytes === 0 ? [...remarks] : [encodingRemark(bytes), ...remarks];
}

function encodingRemark(bytes: number): string {
  const what = bytes === 1 ? '1 byte that is' : `${formatBytes(bytes)} bytes that are`;
  return `${what} not UTF-8: shown as U+FFFD`;
}

/** One stream while it is written, line by line. */
class Lines {
  readonly #text: string;
  /** Where the omission is; null: nothing is omitted, or it is written. */
  #gap: number | null;
  readonly #omittedBytes: number;
  /** The end of the line that the omission ends in. Its beginning is not shown, so the rest stands where it was read. */
  #cutLineEnd = 0;
  #at = 0;

  constructor(stream: StreamText) {
    this.#text = textOf(stream);
    this.#omittedBytes = stream.omittedBytes;
    this.#gap = stream.omittedBytes > 0 ? stream.head.text.length : null;
  }

  /** Writes up to the index, and on to the end of the line that it is in. */
  writeUpTo(index: number, page: Page): void {
    const gap = this.#gap ?? Infinity;
    const end = this.#lineEnd(index);
    if (end >= gap) {
      page.write(this.#text.slice(this.#at, gap), this);
      page.omit(this.#omittedBytes);
      this.#gap = null;
      this.#at = gap;
      this.#cutLineEnd = this.#text.indexOf('\n', gap) + 1 || this.#text.length;
      this.writeUpTo(index, page);
      return;
    }
    if (end <= this.#at) return;
    page.write(this.#text.slice(this.#at, end), this);
    this.#at = end;
  }

  #lineEnd(index: number): number {
    if (index <= this.#at) return this.#at;
    if (index >= this.#text.length) return this.#text.length;
    if (index < this.#cutLineEnd) return index;
    const newline = this.#text.indexOf('\n', index - 1);
    const end = newline < 0 ? this.#text.length : newline + 1;
    return Math.min(end, Math.max(this.#gap ?? Infinity, index));
  }
}

class Page {
  readonly #parts: string[] = [];
  #writer: Lines | null = null;
  #omittedBytes = 0;

  write(text: string, writer: Lines): void {
    if (text === '') return;
    this.#mark();
    if (this.#writer !== writer) this.#endLine();
    this.#writer = writer;
    this.#parts.push(text);
  }

  omit(bytes: number): void {
    this.#omittedBytes += bytes;
  }

  finish(remarks: readonly string[], ifEmpty: string): string {
    this.#mark();
    if (remarks.length === 0) return this.#parts.length === 0 ? ifEmpty : this.#parts.join('');
    this.#endLine();
    return this.#parts.join('') + remarks.map((remark) => `[${remark}]`).join('\n');
  }

  #mark(): void {
    if (this.#omittedBytes === 0) return;
    this.#endLine();
    this.#parts.push(`${omissionMarker(this.#omittedBytes)}\n`);
    this.#omittedBytes = 0;
  }

  #endLine(): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && !last.endsWith('\n')) this.#parts.push('\n');
  }
}
