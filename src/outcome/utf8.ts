/** Decoding of output, with the byte that each character stands for. */
import { isUtf8 } from 'node:buffer';

/**
 * Text made from bytes. `places` are pairs of an index in the text and the number of bytes before it, ascending, the first
 * at index 0. From each place to the next the text stands for its own UTF-8 form. `replaced` are pairs of the index of a
 * U+FFFD and the number of bytes that it replaces.
 */
export interface Decoded {
  readonly text: string;
  readonly places: readonly number[];
  readonly replaced: readonly number[];
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function decodeWithPlaces(bytes: Uint8Array): Decoded {
  if (isUtf8(bytes)) return { text: decoder.decode(bytes), places: [0, 0], replaced: [] };
  const places = [0, 0];
  const replaced: number[] = [];
  let index = 0;
  for (let at = 0; at < bytes.length;) {
    const length = sequenceAt(bytes, at);
    at += Math.abs(length);
    index += length === 4 ? 2 : 1;
    if (length > 0) continue;
    replaced.push(index - 1, -length);
    places.push(index, at);
  }
  return { text: decoder.decode(bytes), places, replaced };
}

/** The length of the character at `at`; negative: of bytes that are none, as many as WHATWG replaces by one U+FFFD. */
function sequenceAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const more = moreAfter(lead);
  if (more === 0 || !isSecond(lead, bytes[at + 1] ?? 0)) return -1;
  for (let place = 2; place <= more; place += 1) if (!isContinuation(bytes[at + place])) return -place;
  return more + 1;
}

/** After some lead bytes not every continuation is allowed: overlong forms, surrogates, beyond U+10FFFF. */
function isSecond(lead: number, byte: number): boolean {
  if (lead === 0xe0) return byte >= 0xa0 && byte <= 0xbf;
  if (lead === 0xed) return byte >= 0x80 && byte <= 0x9f;
  if (lead === 0xf0) return byte >= 0x90 && byte <= 0xbf;
  if (lead === 0xf4) return byte >= 0x80 && byte <= 0x8f;
  return (byte & 0xc0) === 0x80;
}

/** How many bytes follow a lead byte; 0: it is none. */
function moreAfter(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 1;
  if (lead >= 0xe0 && lead <= 0xef) return 2;
  return lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Beginning and end of something longer, without the parts of characters at the cut. */
export function wholeCharacters({ head, tail }: { readonly head: Uint8Array; readonly tail: Uint8Array }): {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
} {
  return {
    head: head.subarray(0, head.length - cutCharacterBytes(head)),
    tail: tail.subarray(continuationBytes(tail)),
  };
}

/** Bytes at the beginning of a cut that end a character: at most 3. */
export function continuationBytes(bytes: Uint8Array): number {
  let count = 0;
  while (count < 3 && isContinuation(bytes[count])) count += 1;
  return count;
}

/** Bytes at the end of a cut that begin a character and don't end it. */
export function cutCharacterBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    return moreAfter(byte) >= back ? back : 0;
  }
  return 0;
}

/** Converts ascending indices to bytes, or ascending bytes to indices, in time linear in the text. Use one per direction. */
export class PlaceWalker {
  readonly #decoded: Decoded;
  readonly #bytes: Uint8Array;
  /** Every byte is one UTF-16 unit. */
  readonly #single: boolean;
  #place = 0;
  #index = 0;
  #byte = 0;

  constructor(decoded: Decoded, bytes: Uint8Array) {
    this.#decoded = decoded;
    this.#bytes = bytes;
    this.#single = decoded.text.length === bytes.length;
  }

  /** The number of bytes before the index. */
  byteOf(index: number): number {
    if (this.#single) return index;
    const { places, text } = this.#decoded;
    while ((places[2 * this.#place + 2] ?? Infinity) <= index) this.#toNextPlace();
    this.#byte += Buffer.byteLength(text.slice(this.#index, index));
    this.#index = index;
    return this.#byte;
  }

  /** The index of the character that holds the byte. */
  indexOf(byte: number): number {
    if (this.#single) return byte;
    const { places, replaced } = this.#decoded;
    while ((places[2 * this.#place + 3] ?? Infinity) <= byte) this.#toNextPlace();
    const valid = (places[2 * this.#place + 3] ?? Infinity) - (replaced[2 * this.#place + 1] ?? 0);
    let end = Math.min(Math.max(this.#byte, byte), valid);
    if (end < valid) while (end > this.#byte && isContinuation(this.#bytes[end])) end -= 1;
    this.#index += decoder.decode(this.#bytes.subarray(this.#byte, end)).length;
    this.#byte = end;
    return this.#index;
  }

  #toNextPlace(): void {
    this.#place += 1;
    this.#index = this.#decoded.places[2 * this.#place] ?? 0;
    this.#byte = this.#decoded.places[2 * this.#place + 1] ?? 0;
  }
}
