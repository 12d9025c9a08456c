const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * What a command printed, as text: invalid UTF-8 becomes U+FFFD, everything else stays, NUL and byte order mark
 * included. The result is well-formed Unicode, so it survives JSON.
 */
export function decodeOutput(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** A count with thousands separators, such as `12,340`; the same in every locale. */
export function formatBytes(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** The line that stands where bytes were left out. */
export function omissionMarker(bytes: number): string {
  return `[${formatBytes(bytes)} bytes omitted]`;
}

/** The longest beginning of a text that has at most `bytes` UTF-8 bytes, ending between characters. */
export function headWithin(text: string, bytes: number): string {
  let end = Math.min(text.length, bytes);
  for (let excess = byteLength(text, 0, end) - bytes; excess > 0; excess = byteLength(text, 0, end) - bytes) {
    end -= Math.ceil(excess / 3); // A UTF-16 unit is at most 3 bytes, so this never cuts too much.
  }
  return text.slice(0, betweenCharacters(text, end, -1));
}

/** The longest end of a text that has at most `bytes` UTF-8 bytes, starting between characters. */
export function tailWithin(text: string, bytes: number): string {
  let start = Math.max(0, text.length - bytes);
  for (let excess = byteLength(text, start) - bytes; excess > 0; excess = byteLength(text, start) - bytes) {
    start += Math.ceil(excess / 3);
  }
  return text.slice(betweenCharacters(text, start, 1));
}

/** The index itself, or its neighbour in `direction` where it stands between the halves of a surrogate pair. */
export function betweenCharacters(text: string, index: number, direction: 1 | -1): number {
  const splits =
    index > 0 && index < text.length && isLow(text.charCodeAt(index)) && isHigh(text.charCodeAt(index - 1));
  return splits ? index + direction : index;
}

const isHigh = (unit: number): boolean => (unit & 0xfc00) === 0xd800;
const isLow = (unit: number): boolean => (unit & 0xfc00) === 0xdc00;
const byteLength = (text: string, start: number, end?: number): number =>
  Buffer.byteLength(text.slice(start, end));
