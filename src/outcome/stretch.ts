import type { Decoded } from './utf8.ts';

/**
 * A part of a stream as it is shown: text, and how many bytes it stands for. `places` are pairs of an index in the text and
 * the number of bytes before it, ascending; from each place to the next the text stands for its own UTF-8 form, and bytes
 * that are not shown count to the character before them. `replaced`: as in `Decoded`.
 */
export interface Stretch extends Decoded {
  readonly bytes: number;
}

/** Text that stands for its own UTF-8 form. Lone surrogates, which have none, become U+FFFD. */
export function plainStretch(text: string): Stretch {
  const wellFormed = text.toWellFormed();
  return { text: wellFormed, places: [0, 0], replaced: [], bytes: Buffer.byteLength(wellFormed) };
}

/** The number of bytes that the text before the index stands for. The index is between characters. */
function bytesBefore({ text, places, bytes }: Stretch, index: number): number {
  if (index <= 0) return 0;
  if (index >= text.length) return bytes;
  const place = lastPlace(places, index);
  return (places[place + 1] ?? 0) + Buffer.byteLength(text.slice(places[place] ?? 0, index));
}

/** Position, in the pairs, of the last whose index is at most `index`. */
function lastPlace(places: readonly number[], index: number): number {
  let low = 0;
  let high = places.length / 2;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((places[2 * middle] ?? Infinity) <= index) low = middle;
    else high = middle;
  }
  return 2 * low;
}

/** The part between two indices. */
export function slice(stretch: Stretch, from: number, to: number): Stretch {
  if (from <= 0 && to >= stretch.text.length) return stretch;
  const before = bytesBefore(stretch, from);
  const places = [0, 0];
  for (let at = lastPlace(stretch.places, from); at < stretch.places.length; at += 2) {
    const index = stretch.places[at] ?? 0;
    if (index >= to) break;
    if (index >= from) places.push(index - from, (stretch.places[at + 1] ?? 0) - before);
  }
  const replaced: number[] = [];
  for (let at = 0; at < stretch.replaced.length; at += 2) {
    const index = stretch.replaced[at] ?? 0;
    if (index >= from && index < to) replaced.push(index - from, stretch.replaced[at + 1] ?? 0);
  }
  return { text: stretch.text.slice(from, to), places, replaced, bytes: bytesBefore(stretch, to) - before };
}

/** How many bytes of the stream are shown as U+FFFD, as they are not UTF-8. */
export function replacedBytes({ replaced }: Stretch): number {
  return replaced.reduce((sum, value, at) => (at % 2 === 1 ? sum + value : sum), 0);
}
