import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { betweenCharacters, omissionMarker } from './text.ts';

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

/** Of a text that is longer: a beginning and an end of it. */
export interface Ends {
  readonly head: string;
  readonly tail: string;
}

interface Segment {
  readonly text: string;
  readonly tokens: number;
}

const BREAK = /\S (?=\S)/g;

function segmentEnd(text: string, start: number): { end: number; through: boolean } {
  if (text.length - start <= SEGMENT) return { end: text.length, through: false };
  BREAK.lastIndex = start + SEGMENT_MIN;
  const match = BREAK.exec(text.slice(0, start + SEGMENT));
  if (match !== null) return { end: match.index + 1, through: false };
  return { end: betweenCharacters(text, start + SEGMENT, -1), through: true };
}

function* segments(text: string): Generator<Segment> {
  for (let start = 0; start < text.length; ) {
    const { end, through } = segmentEnd(text, start);
    const piece = text.slice(start, end);
    yield { text: piece, tokens: countTokens(piece, AS_TEXT) + (through ? 1 : 0) };
    start = end;
  }
}

/** Tokens of a text, or a number above `limit` as soon as that is passed. */
export function tokensUpTo(text: string, limit: number): number {
  let tokens = 0;
  for (const segment of segments(text)) {
    tokens += segment.tokens;
    if (tokens > limit) return tokens;
  }
  return tokens;
}
