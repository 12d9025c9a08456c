import { createHash, randomUUID } from 'node:crypto';

/** A value of a body that the model may have written, by its place: keys of objects, `*` for any element of a list. The last is a key. */
export interface ModelValue {
  readonly path: readonly string[];
  /** A longer value is not kept. */
  readonly maxBytes: number;
  /** Python writes NaN and Infinity, which are not JSON: they are read as null. Absent: they are mistakes. */
  readonly nanIsNull?: true;
}

/** One such value, cut out. */
export interface CutValue {
  readonly wanted: ModelValue;
  /** Null where it is longer than its limit. */
  readonly text: Buffer | null;
  readonly bytes: number;
  readonly sha256: string;
  /** Deepest nesting of brackets in it. */
  readonly levels: number;
}

/** A body without the model's values: in place of each, its text holds a mark, as a JSON string. */
export interface SplitBody {
  /** Null where it is longer than its limit. */
  readonly text: Buffer | null;
  readonly cut: ReadonlyMap<string, CutValue>;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Longer keys are not compared. */
const KEY_BYTES = 128;

/** A container that is open, down to the deepest level at which a model's value may stand. */
interface Level {
  readonly isObject: boolean;
  key: string;
}

/** The bytes of one part, up to a limit. */
class Part {
  readonly maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }
  get text(): Buffer | null {
    return this.#bytes <= this.maxBytes ? Buffer.concat(this.#chunks) : null;
  }

  add(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= this.maxBytes) this.#chunks.push(bytes);
    else this.#chunks = [];
  }
}

interface Capture {
  readonly wanted: ModelValue;
  readonly part: Part;
  readonly hash: ReturnType<typeof createHash>;
  /** Of the object or list that the value belongs to. */
  readonly depth: number;
  levels: number;
}

/**
 * Cuts the values that a model may have written out of a JSON text that arrives in pieces, so that the rest can be parsed
 * whatever the model wrote. Follows strings, brackets and keys only: it finds the end of a value by the brackets around
 * it, whether or not the value is JSON. Keeps no more than the limits of the parts.
 */
export class BodySplitter {
  readonly #wanted: readonly ModelValue[];
  readonly #deepest: number;
  readonly #rest: Part;
  readonly #mark = randomUUID();
  readonly #cut = new Map<string, CutValue>();
  readonly #levels: Level[] = [];
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Bytes of the key that is being read, as JSON; null outside of keys. */
  #key: number[] | null = null;
  #keyNext = false;
  #capture: Capture | null = null;

  constructor(wanted: readonly ModelValue[], restBytes: number) {
    this.#wanted = wanted;
    this.#deepest = Math.max(0, ...wanted.map(({ path }) => path.length));
    this.#rest = new Part(restBytes);
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      if (this.#inString) this.#inText(byte);
      else if (this.#endsCapture(byte)) {
        this.#keep(chunk.subarray(start, at));
        this.#endCapture();
        start = at;
        this.#structure(byte);
      } else {
        const wanted = this.#structure(byte);
        if (wanted === undefined) continue;
        this.#keep(chunk.subarray(start, at + 1));
        start = at + 1;
        this.#beginCapture(wanted);
      }
    }
    this.#keep(chunk.subarray(start));
  }

  /** A value whose end is missing stays in the rest as an open end, so the rest is not JSON. */
  end(): SplitBody {
    return { text: this.#rest.text, cut: this.#cut };
  }

  #keep(bytes: Buffer): void {
    if (this.#capture === null) {
      this.#rest.add(bytes);
      return;
    }
    this.#capture.part.add(bytes);
    this.#capture.hash.update(bytes);
  }

  #inText(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) {
      this.#inString = false;
      this.#endKey();
      return;
    }
    if (this.#key !== null && this.#key.length < KEY_BYTES) this.#key.push(byte);
  }

  #endKey(): void {
    const level = this.#levels[this.#depth - 1];
    if (this.#key !== null && level !== undefined) level.key = keyText(this.#key);
    this.#key = null;
  }

  /** Follows one byte outside of strings. Returns the value that begins after it, if it is to be cut out. */
  #structure(byte: number): ModelValue | undefined {
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        if (this.#keyNext && this.#isShallow) this.#key = [];
        this.#keyNext = false;
        return undefined;
      case OPEN_OBJECT:
      case OPEN_LIST:
        this.#open(byte === OPEN_OBJECT);
        return undefined;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        if (this.#isShallow) this.#levels.length = Math.max(0, this.#depth - 1);
        this.#depth = Math.max(0, this.#depth - 1);
        this.#keyNext = false;
        return undefined;
      case COMMA:
        this.#keyNext = this.#levels[this.#depth - 1]?.isObject === true;
        return undefined;
      case COLON:
        return this.#isShallow ? this.#wantedHere() : undefined;
      default:
        return undefined;
    }
  }

  #open(isObject: boolean): void {
    this.#depth += 1;
    if (this.#capture !== null)
      this.#capture.levels = Math.max(this.#capture.levels, this.#depth - this.#capture.depth);
    if (this.#isShallow) this.#levels[this.#depth - 1] = { isObject, key: isObject ? '' : '*' };
    this.#keyNext = isObject;
  }

  get #isShallow(): boolean {
    return this.#capture === null && this.#depth <= this.#deepest;
  }

  #wantedHere(): ModelValue | undefined {
    const { length } = this.#levels;
    return this.#wanted.find(
      ({ path }) => path.length === length && path.every((key, index) => key === this.#levels[index]?.key),
    );
  }

  #beginCapture(wanted: ModelValue): void {
    const part = new Part(wanted.maxBytes);
    this.#capture = { wanted, part, hash: createHash('sha256'), depth: this.#depth, levels: 0 };
  }

  #endsCapture(byte: number): boolean {
    if (this.#capture?.depth !== this.#depth) return false;
    return byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST;
  }

  #endCapture(): void {
    if (this.#capture === null) return;
    const { wanted, part, hash, levels } = this.#capture;
    const mark = `${this.#mark}:${String(this.#cut.size)}`;
    const { text, bytes } = part;
    this.#cut.set(mark, { wanted, text, bytes, levels, sha256: hash.digest('hex') });
    this.#rest.add(Buffer.from(`"${mark}"`));
    this.#capture = null;
  }
}

function keyText(bytes: readonly number[]): string {
  const text = Buffer.from(bytes).toString();
  if (!text.includes('\\')) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
