import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { betweenCharacters } from '../outcome/text.ts';

/**
 * Counts and cuts by tokens (o200k), in time linear in the text. 64 KB take 1 to 10 ms, so this runs only in
 * `token-worker.ts`.
 *
 * The tokenizer's time is quadratic in the length of a run without breaks (3 s for 100,000 letters), so a text is counted
 * in segments. A segment ends before a space that follows another character, because the tokenizer always breaks there.
 * Only a run without such a place is cut inside; each such cut adds one token to the count, so the sum is never too low.
 */
const SEGMENT = 1024;
/** The search for a space begins here, counted from the segment's start. */
const SEGMENT_MIN = 512;
/** Text such as `<|endoftext|>` is counted as ordinary text, not as a special token. */
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

/** The number of tokens of a text. If it exceeds `limit`, counting stops and some number above `limit` is returned. */
export function tokensUpTo(text: string, limit: number): number {
  let tokens = 0;
  for (const segment of segments(text)) {
    tokens += segment.tokens;
    if (tokens > limit) break;
  }
  return tokens;
}

/** The longest prefix of about `limit` tokens. It ends between characters. */
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

/** The longest suffix of about `limit` tokens. It starts between characters. */
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

/** The largest part of `cut` within the limit, by binary search. */
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
