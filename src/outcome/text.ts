const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Decodes the output of a command. Invalid UTF-8 becomes U+FFFD; everything else is kept, including NUL and byte order
 * marks. The result is well-formed Unicode, so JSON does not change it.
 */
export function decodeOutput(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** A count with thousands separators, such as `12,340`, independent of the locale. */
export function formatBytes(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** The line that replaces omitted bytes. */
export function omissionMarker(bytes: number): string {
  return `[${formatBytes(bytes)} bytes omitted]`;
}

/** The longest prefix of a text of at most `bytes` UTF-8 bytes. It ends between characters. */
export function headWithin(text: string, bytes: number): string {
  let end = Math.min(text.length, bytes);
  for (let excess = byteLength(text, 0, end) - bytes; excess > 0; excess = byteLength(text, 0, end) - bytes) {
    end -= Math.ceil(excess / 3); // A UTF-16 unit is at most 3 bytes, so this never removes too much.
  }
  return text.slice(0, betweenCharacters(text, end, -1));
}

/** The longest suffix of a text of at most `bytes` UTF-8 bytes. It starts between characters. */
export function tailWithin(text: string, bytes: number): string {
  let start = Math.max(0, text.length - bytes);
  for (let excess = byteLength(text, start) - bytes; excess > 0; excess = byteLength(text, start) - bytes) {
    start += Math.ceil(excess / 3);
  }
  return text.slice(betweenCharacters(text, start, 1));
}

/** The index, moved by one in `direction` if it would split a surrogate pair. */
export function betweenCharacters(text: string, index: number, direction: 1 | -1): number {
  const splits =
    index > 0 && index < text.length && isLow(text.charCodeAt(index)) && isHigh(text.charCodeAt(index - 1));
  return splits ? index + direction : index;
}

const isHigh = (unit: number): boolean => (unit & 0xfc00) === 0xd800;
const isLow = (unit: number): boolean => (unit & 0xfc00) === 0xdc00;
const byteLength = (text: string, start: number, end?: number): number =>
  Buffer.byteLength(text.slice(start, end));
