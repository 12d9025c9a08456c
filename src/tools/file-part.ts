import { decodeOutput } from '../outcome/text.ts';
import type { Ending } from '../protocol/messages.ts';

/** A part of a file as it is shown. */
export interface FilePart {
  readonly text: string;
  /** The bytes of the file that `text` stands for. */
  readonly bytes: number;
  /** How many of them are not UTF-8, and are shown as U+FFFD. */
  readonly invalidBytes: number;
  /** The file ends where `text` does; null: not known (0.1.0). */
  readonly atEnd: boolean | null;
  readonly lineBreaks: number;
}

const REPLACEMENT = Buffer.from('\ufffd');
const replacement = /\ufffd/g;
const LINE_BREAK = 0x0a;

/** The beginning of what was read, of at most `characters` UTF-16 units. A part that could be longer ends with a line. */
export function partOf(ending: Ending, asked: number, characters: number): FilePart {
  const { payload, facts } = ending;
  const atEnd = facts === undefined ? (payload.length < asked ? true : null) : facts.atEnd === 1;
  const whole = Buffer.from(payload.subarray(0, atEnd === true ? payload.length : completeBytes(payload)));
  const text = decodeOutput(whole);
  if (text.length <= characters) return measured(whole, text, atEnd);
  const shown = wholeLines(text.slice(0, characters));
  return measured(whole.subarray(0, bytesOf(whole, text, shown)), shown, false);
}

function measured(bytes: Buffer, text: string, atEnd: boolean | null): FilePart {
  const replaced = occurrences(text, replacement) - countIn(bytes, REPLACEMENT);
  const invalidBytes = bytes.length - (Buffer.byteLength(text) - REPLACEMENT.length * replaced);
  return {
    text,
    bytes: bytes.length,
    invalidBytes,
    atEnd,
    lineBreaks: countIn(bytes, Buffer.of(LINE_BREAK)),
  };
}

const occurrences = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

function countIn(bytes: Buffer, wanted: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + wanted.length)) count += 1;
  return count;
}

/** Without the first bytes of a character that goes on behind the part. Never 0 of more than 0 bytes. */
function completeBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back < bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return back < length ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Up to the last line break, unless that is less than half. */
function wholeLines(text: string): string {
  const end = text.lastIndexOf('\n') + 1;
  return end > text.length / 2 ? text.slice(0, end) : text;
}

/** How many of the bytes `shown`, a beginning of their `text`, stands for. */
function bytesOf(bytes: Buffer, text: string, shown: string): number {
  if (Buffer.byteLength(text) === bytes.length && !text.includes('\ufffd')) return Buffer.byteLength(shown);
  const lengthOf = (end: number): number => decodeOutput(bytes.subarray(0, end)).length;
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lengthOf(middle) <= shown.length) low = middle;
    else high = middle - 1;
  }
  return low;
}
