/**
 * The payloads of `list-files` and `search-files`, in the form of this version (`facts` came with them) and of 0.1.0. Names
 * and lines come from the model's files: in a line, bytes that are not UTF-8 become replacement characters. Of a payload
 * that is cut, the entries before the cut are returned.
 */
import { fileNameText } from './file-name.ts';

export type EntryType = 'file' | 'folder' | 'link' | 'fifo' | 'socket' | 'character-device' | 'block-device';

/** `names`: version 0.1.0, paths below the folder. `paths`: as the path that was asked for begins. */
export type PayloadForm = 'names' | 'paths';

export interface FileEntry {
  readonly type: EntryType;
  /** As `fileNameText` writes it. The path itself where that is not a folder. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** Permission bits. */
  readonly mode: number;
  /** Of a link, where known: what it leads to. */
  readonly target: string | null;
}

export interface FileMatch {
  readonly path: string;
  /** From 1; 0: the file is binary, and only that it matches is known. */
  readonly line: number;
  /** At most 1,024 bytes of the line, which has `lineBytes`, `skippedBytes` of them before the text. */
  readonly text: string;
  readonly textBytes: number;
  readonly skippedBytes: number;
  readonly lineBytes: number;
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

/** The type with this letter, by its code; null: no type has it. */
export function entryType(letter: number): EntryType | null {
  return TYPES[String.fromCharCode(letter)] ?? null;
}

/** Reading past the end gives null. */
class Reader {
  private at = 1;
  private readonly payload: Buffer;

  constructor(payload: Uint8Array) {
    this.payload = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  get atEnd(): boolean {
    return this.at >= this.payload.length;
  }

  number(size: 1 | 4 | 8): number | null {
    if (this.at + size > this.payload.length) return null;
    const at = this.at;
    this.at += size;
    if (size === 1) return this.payload.readUInt8(at);
    return size === 4 ? this.payload.readUInt32BE(at) : Number(this.payload.readBigInt64BE(at));
  }

  bytes(): Buffer | null {
    const length = this.number(4);
    if (length === null || this.at + length > this.payload.length) return null;
    const part = this.payload.subarray(this.at, this.at + length);
    this.at += length;
    return part;
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

export function decodeListing(payload: Uint8Array, form: PayloadForm): Found<FileEntry> {
  return decode(payload, (reader) => {
    const letter = reader.number(1);
    const sizeBytes = reader.number(8);
    const modifiedAtMs = reader.number(8);
    const mode = reader.number(4);
    const path = reader.bytes();
    const target = form === 'paths' ? reader.bytes() : Buffer.alloc(0);
    const type = letter === null ? null : entryType(letter);
    if (type === null || sizeBytes === null || modifiedAtMs === null || mode === null) return null;
    if (path === null || target === null) return null;
    const leads = target.length === 0 ? null : fileNameText(target);
    return { type, path: fileNameText(path), sizeBytes, modifiedAtMs, mode, target: leads };
  });
}

export function decodeMatches(payload: Uint8Array, form: PayloadForm): Found<FileMatch> {
  return decode(payload, (reader) => {
    const path = reader.bytes();
    const line = reader.number(4);
    const skippedBytes = form === 'paths' ? reader.number(4) : 0;
    const lineBytes = form === 'paths' ? reader.number(4) : 0;
    const text = reader.bytes();
    if (path === null || line === null || skippedBytes === null || lineBytes === null || text === null)
      return null;
    return {
      ...{
        path: fileNameText(path),
        line,
        text: text.toString('utf8'),
        textBytes: text.length,
        skippedBytes,
      },
      lineBytes: Math.max(lineBytes, text.length),
    };
  });
}
