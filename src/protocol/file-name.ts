/**
 * File names are bytes, arguments are text. A byte that is not UTF-8 is written as the surrogate U+DC00 plus the byte, as
 * Python does (`surrogateescape`): so every name can be written, and no other name is meant by it.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ESCAPED = 0xdc00;

/** The name's bytes. Other lone surrogates become U+FFFD. */
export function fileNameBytes(name: string): Buffer {
  if (name.isWellFormed()) return Buffer.from(name);
  const parts = name.split(/([\udc80-\udcff])/u);
  return Buffer.concat(
    parts.map((part) =>
      /^[\udc80-\udcff]$/u.test(part) ? Buffer.of(part.charCodeAt(0) - ESCAPED) : Buffer.from(part),
    ),
  );
}

export function fileNameText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return escaped(bytes);
  }
}

/** Character by character: each byte that begins none is escaped. */
function escaped(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes.subarray(at, at + 4));
    text +=
      length === 0
        ? String.fromCharCode(ESCAPED + (bytes[at] ?? 0))
        : strict.decode(bytes.subarray(at, at + length));
    at += Math.max(length, 1);
  }
  return text;
}

/** 0 where the bytes begin with no character. */
function characterLength(bytes: Uint8Array): number {
  for (let length = 1; length <= bytes.length; length += 1) {
    try {
      strict.decode(bytes.subarray(0, length));
      return length;
    } catch {
      continue;
    }
  }
  return 0;
}
