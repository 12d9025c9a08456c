import type { ToolResult } from '../outcome/result.ts';
import { betweenCharacters, omissionMarker } from '../outcome/text.ts';

/** The platform accepts answers of at most 1 MB: the smaller of the two meanings of "MB". */
export const ANSWER_BYTES = 1_000_000;
/** For everything in an answer but tool output: field names, numbers, ids (256 UTF-16 units, up to 6 bytes each). */
const ENVELOPE_BYTES = 8 * 1024;
const MARKER_BYTES = 64;
/** Longest JSON form of one UTF-16 unit, as in `\u0000`. */
const UNIT_MAX_BYTES = 6;
const QUOTES_BYTES = 2;

/** The text, or its beginning and end, so that the answer stays below the limit. */
export function fitOutput(text: string): string {
  return fitJson(text, ANSWER_BYTES - ENVELOPE_BYTES);
}

/** The same for an answer that holds the output and both streams. Each gets a third of the limit. */
export function fitResult(
  output: string,
  result: ToolResult | null,
): { output: string; result: ToolResult | null } {
  const third = Math.floor((ANSWER_BYTES - ENVELOPE_BYTES) / 3);
  const cutOutput = fitJson(output, third);
  if (result === null) return { output: cutOutput, result };
  const stdout = fitJson(result.stdout, third);
  const stderr = fitJson(result.stderr, third);
  const whole = stdout === result.stdout && stderr === result.stderr;
  return { output: cutOutput, result: whole ? result : { ...result, stdout, stderr, truncated: true } };
}

/** A text whose JSON form has at most `bytes` bytes: the text itself, or its head and tail around the omission marker. */
export function fitJson(text: string, bytes: number): string {
  if (text.length * UNIT_MAX_BYTES + QUOTES_BYTES <= bytes) return text;
  if (Buffer.byteLength(JSON.stringify(text)) <= bytes) return text;
  const half = Math.floor((bytes - MARKER_BYTES) / 2);
  const head = text.slice(0, betweenCharacters(text, unitsWithin(text, half, 0, 1), -1));
  const last = text.length - 1;
  const tail = text.slice(betweenCharacters(text, text.length - unitsWithin(text, half, last, -1), 1));
  const missing = bytesOf(text.slice(head.length, text.length - tail.length));
  return `${head}\n${omissionMarker(missing)}\n${tail}`;
}

/** Bytes of output that a text stands for: its own, and those that marker lines in it count. */
function bytesOf(text: string): number {
  return [...text.matchAll(MARKER_LINE)].reduce(
    (sum, [line, count = '']) => sum - Buffer.byteLength(line) + Number(count.replaceAll(',', '')),
    Buffer.byteLength(text),
  );
}

const MARKER_LINE = /\n\[(\d{1,3}(?:,\d{3}){0,4}) bytes omitted\](?=\n)/g;

/** How many UTF-16 units from `start` on, in `direction`, have a JSON form of at most `bytes` bytes. */
function unitsWithin(text: string, bytes: number, start: number, direction: 1 | -1): number {
  let used = 0;
  let count = 0;
  for (let index = start; index >= 0 && index < text.length; index += direction) {
    used += jsonBytes(text.charCodeAt(index));
    if (used > bytes) break;
    count += 1;
  }
  return count;
}

const SHORT_ESCAPES = new Set(['\b', '\t', '\n', '\f', '\r', '"', '\\'].map((text) => text.charCodeAt(0)));

/** An upper bound: each half of a surrogate pair counts as one that stands alone, which JSON escapes. */
function jsonBytes(unit: number): number {
  if (SHORT_ESCAPES.has(unit)) return 2;
  if (unit < 0x20 || (unit & 0xf800) === 0xd800) return UNIT_MAX_BYTES;
  if (unit < 0x80) return 1;
  return unit < 0x800 ? 2 : 3;
}
