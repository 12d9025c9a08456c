import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { betweenCharacters } from '../outcome/text.ts';

/**
 * Counting and cutting by tokens (o200k), in time linear in the text. Slow all the same (1 to 10 ms for 64 KB),
 * so it runs in `token-worker.ts` alone.
 *
 * The tokenizer takes time quadratic in the length of an unbroken run (3 s for 100,000 letters), so a text is
 * counted in segments. A segment ends before a space that follows something else, where the tokenizer breaks
 * anyway; only a run without such a place is cut through, and each such cut counts one token more than it should,
 * so that the sum is never too low.
 */
const SEGMENT = 1024;
/** Where the look for a space begins, from the segment's start. */
const SEGMENT_MIN = 512;
/** Text such as `<|endoftext|>` is text here, not a command to the model. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

const BREAK = /\S (?=\S)/;

interface Segment {
  readonly text: string;
  readonly tokens: number;
}

const count = (text: string): number => countTokens(text, AS_TEXT);

function segmentEnd(text: string, start: number): { end: number; through: boolean } {
  if (text.length - start <= SEGMENT) return { end: text.length, through: false };
  const place = text.slice(start + SEGMENT_MIN, start + SEGMENT).search(BREAK);
  if (place >= 0) return { end: start + SEGMENT_MIN + place + 1, through: false };
  return { end: betweenCharacters(text, start + SEGMENT, -1), through: true };
}

function* segments(text: string): Generator<Segment> {
  for (let start = 0; start < text.length;) {
    const { end, through } = segmentEnd(text, start);
    const piece = text.slice(start, end);
    yield { text: piece, tokens: count(piece) + (through ? 1 : 0) };
    start = end;
  }
}

/** Tokens of a text, or some number above `limit` as soon as that is passed. */
export function tokensUpTo(text: string, limit: number): number {
  let tokens = 0;
  for (const segment of segments(text)) {
    tokens += segment.tokens;
    if (tokens > limit) break;
  }
  return tokens;
}

/** The longest beginning of about `limit` tokens, ending between characters. */
export function headOf(text: string, limit: number): string {
  let left = limit;
  let end = 0;
  for (const segment of segments(text)) {
    if (segment.tokens > left) return text.slice(0, end) + partOf(segment.text, left, headAt);
    left -= segment.tokens;
    end += segment.text.length;
  }
  return text;
}

/** The longest end of about `limit` tokens, starting between characters. */
export function tailOf(text: string, limit: number): string {
  let left = limit;
  let start = text.length;
  for (const segment of [...segments(text)].reverse()) {
    if (segment.tokens > left) return partOf(segment.text, left, tailAt) + text.slice(start);
    left -= segment.tokens;
    start -= segment.text.length;
  }
  return text;
}

const headAt = (text: string, length: number): string => text.slice(0, betweenCharacters(text, length, -1));
const tailAt = (text: string, length: number): string =>
  text.slice(betweenCharacters(text, text.length - length, 1));

/** The largest part that `cut` makes within the limit, by halving. */
function partOf(text: string, limit: number, cut: (text: string, length: number) => string): string {
  let fits = 0;
  let tooLong = text.length;
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (count(cut(text, middle)) <= limit) fits = middle;
    else tooLong = middle;
  }
  return cut(text, fits);
}
