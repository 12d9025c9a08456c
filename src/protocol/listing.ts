/**
 * The payloads of `list-files` and `search-files`. Names and lines come from the model's files: bytes that are not UTF-8
 * become replacement characters. Of a payload that is cut, the entries before the cut are returned.
 */

export type EntryType = 'file' | 'folder' | 'link' | 'fifo' | 'socket' | 'character-device' | 'block-device';

export interface FileEntry {
  readonly type: EntryType;
  /** Relative to the folder that was asked for; the path itself where that is not a folder. */
  readonly path: string;
  /** False where the path has bytes that are not UTF-8: then it does not name the file. */
  readonly exact: boolean;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface FileMatch {
  readonly path: string;
  readonly exact: boolean;
  /** From 1. */
  readonly line: number;
  /** At most the line's first 1,024 bytes. */
  readonly text: string;
}

export interface Found<T> {
  readonly items: readonly T[];
  /** There may be more: the limit, the largest payload or depth was reached, or a folder could not be read. */
  readonly truncated: boolean;
}

const TYPES: Readonly<Record<string, EntryType>> = {
  f: 'file',
  d: 'folder',
  l: 'link',
  p: 'fifo',
  s: 'socket',
  c: 'character-device',
  b: 'block-device',
};

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reading past the end gives null. */
class Reader {
  private at = 1;
  private readonly bytes: Buffer;

  constructor(payload: Uint8Array) {
    this.bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  number(size: 1 | 4 | 8): number | null {
    if (this.at + size > this.bytes.length) return null;
    const at = this.at;
    this.at += size;
    if (size === 1) return this.bytes.readUInt8(at);
    return size === 4 ? this.bytes.readUInt32BE(at) : Number(this.bytes.readBigInt64BE(at));
  }

  string(): { value: string; exact: boolean } | null {
    const length = this.number(4);
    if (length === null || this.at + length > this.bytes.length) return null;
    const part = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    try {
      return { value: strict.decode(part), exact: true };
    } catch {
      return { value: part.toString('utf8'), exact: false };
    }
  }
}

function decode<T>(payload: Uint8Array, one: (reader: Reader) => T | null): Found<T> {
  const reader = new Reader(payload);
  const items: T[] = [];
  while (!reader.atEnd) {
    const item = one(reader);
    if (item === null) return { items, truncated: true };
    items.push(item);
  }
  return { items, truncated: payload[0] !== 0 };
}

export function decodeListing(payload: Uint8Array): Found<FileEntry> {
  return decode(payload, (reader) => {
    const letter = reader.number(1);
    const sizeBytes = reader.number(8);
    const modifiedAtMs = reader.number(8);
    const mode = reader.number(4);
    const path = reader.string();
    const type = letter === null ? undefined : TYPES[String.fromCharCode(letter)];
    if (type === undefined || sizeBytes === null || modifiedAtMs === null || mode === null || path === null)
      return null;
    return { type, path: path.value, exact: path.exact, sizeBytes, modifiedAtMs, mode };
  });
}

export function decodeMatches(payload: Uint8Array): Found<FileMatch> {
  return decode(payload, (reader) => {
    const path = reader.string();
    const line = reader.number(4);
    const text = reader.string();
    if (path === null || line === null || text === null) return null;
    return { path: path.value, exact: path.exact, line, text: text.value };
  });
}
