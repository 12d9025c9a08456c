import { hasControls, restOfSequence, unfinishedSequence, visibleRanges } from './control-sequences.ts';
import { continuationBytes, cutCharacterBytes, decodeWithPlaces, PlaceWalker, type Decoded } from './utf8.ts';
import type { Stretch } from './stretch.ts';

/** Where bytes were cut out of a longer stream. */
export interface Cut {
  readonly before: boolean;
  readonly after: boolean;
}

export interface Shown {
  readonly stretch: Stretch;
  /** Bytes before the stretch that belong to a line, character or control sequence cut in two, and are not shown. */
  readonly skippedBytes: number;
  /** The given marks as indices in the text. */
  readonly marks: readonly number[];
}

/** Of a line that was cut in two, so much at most is left out, and no more than a quarter of what there is. */
const PARTIAL_LINE_BYTES = 1024;
const NEWLINE = 10;

/**
 * What a terminal would show of the bytes, as `visibleRanges` defines it. `marks` are ascending numbers of bytes. Time and
 * memory are linear in the bytes.
 */
export function asTerminalShows(bytes: Uint8Array, cut: Cut, marks: readonly number[]): Shown {
  const start = cut.before ? afterPartialLine(bytes) : 0;
  const part = bytes.subarray(start, cut.after ? beforePartialLine(bytes, start) : bytes.length);
  const decoded = decodeWithPlaces(part);
  const walker = new PlaceWalker(decoded, part);
  const indices = marks.map((mark) => walker.indexOf(Math.min(Math.max(mark - start, 0), part.length)));
  if (!hasControls(decoded.text))
    return { stretch: { ...decoded, bytes: part.length }, skippedBytes: start, marks: indices };
  const from = cut.before && bytes[start - 1] !== NEWLINE ? restOfSequence(decoded.text) : 0;
  const to = Math.max(from, cut.after ? unfinishedSequence(decoded.text) : decoded.text.length);
  const ranges = visibleRanges(decoded.text, from, to);
  const bytesOf = new PlaceWalker(decoded, part);
  const skipped = bytesOf.byteOf(from);
  const shown = textOfRanges(decoded, ranges, bytesOf, skipped);
  const stretch = { ...shown, bytes: bytesOf.byteOf(to) - skipped };
  return { stretch, skippedBytes: start + skipped, marks: moved(indices, ranges) };
}

/** Bytes to leave out at the beginning, so that the text begins with a line, or at least with a character. */
function afterPartialLine(bytes: Uint8Array): number {
  const within = Math.min(PARTIAL_LINE_BYTES, bytes.length >> 2);
  const newline = bytes.subarray(0, within).indexOf(NEWLINE);
  return newline >= 0 ? newline + 1 : continuationBytes(bytes);
}

/** Where to end, so that the text ends with a line, or at least with a character. */
function beforePartialLine(bytes: Uint8Array, start: number): number {
  const within = Math.min(PARTIAL_LINE_BYTES, (bytes.length - start) >> 2);
  const newline = bytes.subarray(bytes.length - within).lastIndexOf(NEWLINE);
  if (newline >= 0) return bytes.length - within + newline + 1;
  return bytes.length - cutCharacterBytes(bytes.subarray(start));
}

/** The text that is made of the ranges, after the first `skipped` bytes. */
function textOfRanges(
  decoded: Decoded,
  ranges: readonly number[],
  walker: PlaceWalker,
  skipped: number,
): Decoded {
  const texts: string[] = [];
  const kept = { places: [0, 0], replaced: [] as number[] };
  const places = new Pairs(decoded.places);
  const replaced = new Pairs(decoded.replaced);
  let length = 0;
  for (let range = 0; range < ranges.length; range += 2) {
    const [start = 0, end = 0] = [ranges[range], ranges[range + 1]];
    const moved = length - start;
    kept.places.push(length, walker.byteOf(start) - skipped);
    for (const [index, byte] of places.within(start + 1, end))
      kept.places.push(index + moved, byte - skipped);
    for (const [index, bytes] of replaced.within(start, end)) kept.replaced.push(index + moved, bytes);
    texts.push(decoded.text.slice(start, end));
    length += end - start;
  }
  return { text: texts.join(''), ...kept };
}

const NO_PAIRS: readonly (readonly [index: number, value: number])[] = [];

/** Pairs of an index and a number, read in ascending order. */
class Pairs {
  readonly #pairs: readonly number[];
  #at = 0;

  constructor(pairs: readonly number[]) {
    this.#pairs = pairs;
  }

  /** Those with an index from `start` to before `end`; earlier ones are passed over. */
  within(start: number, end: number): Iterable<readonly [index: number, value: number]> {
    return (this.#pairs[this.#at] ?? Infinity) < end ? this.#next(start, end) : NO_PAIRS;
  }

  *#next(start: number, end: number): Generator<readonly [index: number, value: number]> {
    for (; (this.#pairs[this.#at] ?? Infinity) < end; this.#at += 2) {
      const [index = 0, value = 0] = [this.#pairs[this.#at], this.#pairs[this.#at + 1]];
      if (index >= start) yield [index, value];
    }
  }
}

/** The indices in the text that is made of the ranges. Both ascend. */
function moved(indices: readonly number[], ranges: readonly number[]): number[] {
  let range = 0;
  let before = 0;
  return indices.map((index) => {
    while (range < ranges.length && index >= (ranges[range + 1] ?? 0)) {
      before += (ranges[range + 1] ?? 0) - (ranges[range] ?? 0);
      range += 2;
    }
    return before + Math.max(0, range < ranges.length ? index - (ranges[range] ?? 0) : 0);
  });
}
