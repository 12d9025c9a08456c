/**
 * Byte frames: COBS text between 0x00 delimiters, so that any partial frame ends at the next delimiter and both sides
 * resynchronise after lost bytes. Inside: a CRC-32 over the rest, sandboxd's instance, type, call number, and tagged
 * fields. `docker/sandboxd/README.md` describes the byte form.
 *
 * The decoder trusts no byte: it never throws, holds at most one frame of the largest size, and counts what it refuses.
 */
import { crc32 } from 'node:zlib';

export const INSTANCE_BYTES = 16;
export const HEADER_BYTES = 4 + INSTANCE_BYTES + 1 + 4;
/** Of a decoded frame. The sender must keep to it: sandboxd discards longer frames. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;
const MAX_ENCODED_BYTES = MAX_FRAME_BYTES + Math.floor(MAX_FRAME_BYTES / 254) + 2;

export interface Field {
  readonly tag: number;
  readonly value: Uint8Array;
}

export interface Frame {
  /** 32 hex digits. */
  readonly instance: string;
  readonly type: number;
  readonly call: number;
  readonly fields: readonly Field[];
}

/** A receive buffer larger than this is freed after its frame. */
const KEPT_BYTES = 64 * 1024;

const DELIMITER = Buffer.from([0]);

/** The frame's bytes, then a delimiter. @throws RangeError for a frame that sandboxd would discard. */
export function encodeFrame(frame: Frame): Buffer {
  const raw = serialize(frame);
  if (raw.length > MAX_FRAME_BYTES) throw new RangeError(`frame of ${String(raw.length)} bytes`);
  raw.writeUInt32BE(crc32(raw.subarray(4)), 0);
  return stuff(raw);
}

/** To be sent first on an attachment: ends the partial frame that sandboxd may hold from the previous one. */
export function attachmentStart(): Buffer {
  return Buffer.from(DELIMITER);
}

function serialize(frame: Frame): Buffer {
  const length = frame.fields.reduce((sum, field) => sum + 5 + field.value.length, HEADER_BYTES);
  const raw = Buffer.alloc(length);
  raw.write(frame.instance, 4, INSTANCE_BYTES, 'hex');
  raw.writeUInt8(frame.type, 4 + INSTANCE_BYTES);
  raw.writeUInt32BE(frame.call, 5 + INSTANCE_BYTES);
  let at = HEADER_BYTES;
  for (const { tag, value } of frame.fields) {
    raw.writeUInt8(tag, at);
    raw.writeUInt32BE(value.length, at + 1);
    raw.set(value, at + 5);
    at += 5 + value.length;
  }
  return raw;
}

/** Encodes COBS run by run, with `indexOf` and block copies: a loop over bytes is slow for a megabyte. */
function stuff(raw: Buffer): Buffer {
  const out = Buffer.allocUnsafe(raw.length + Math.floor(raw.length / 254) + 3);
  let from = 0;
  let to = 0;
  for (;;) {
    const zero = raw[from] === 0 ? from : raw.indexOf(0, from);
    const runEnd = zero < 0 ? raw.length : zero;
    // A run of 254 bytes is a full block, which implies no zero after it.
    while (runEnd - from >= 254 && !(zero < 0 && runEnd - from === 254)) {
      out[to] = 0xff;
      raw.copy(out, to + 1, from, from + 254);
      from += 254;
      to += 255;
    }
    out[to] = runEnd - from + 1;
    if (runEnd > from) raw.copy(out, to + 1, from, runEnd);
    to += 1 + runEnd - from;
    if (zero < 0) break;
    from = zero + 1;
  }
  out[to] = 0;
  return out.subarray(0, to + 1);
}

/** Undoes `stuff` into new memory. Null where the text is not COBS. `text` holds no delimiter. */
function unstuff(text: Buffer): Buffer | null {
  const out = Buffer.alloc(text.length);
  let from = 0;
  let to = 0;
  while (from < text.length) {
    const code = text[from] ?? 0;
    const end = from + code;
    if (code === 0 || end > text.length) return null;
    if (code > 1) text.copy(out, to, from + 1, end);
    to += code - 1;
    from = end;
    // The memory is zeroed, so the zero is there.
    if (code !== 0xff && from < text.length) to += 1;
  }
  return out.subarray(0, to);
}

function parse(raw: Buffer): Frame | null {
  if (raw.length < HEADER_BYTES || raw.length > MAX_FRAME_BYTES) return null;
  if (raw.readUInt32BE(0) !== crc32(raw.subarray(4))) return null;
  const fields = parseFields(raw.subarray(HEADER_BYTES));
  if (fields === null) return null;
  return {
    instance: raw.toString('hex', 4, 4 + INSTANCE_BYTES),
    type: raw.readUInt8(4 + INSTANCE_BYTES),
    call: raw.readUInt32BE(5 + INSTANCE_BYTES),
    fields,
  };
}

function parseFields(raw: Buffer): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  while (at < raw.length) {
    if (raw.length - at < 5) return null;
    const length = raw.readUInt32BE(at + 1);
    if (length > raw.length - at - 5) return null;
    fields.push({ tag: raw.readUInt8(at), value: raw.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return fields;
}

/** Assembles frames from chunks that are cut anywhere. One per attachment. */
export class FrameDecoder {
  /** Texts that were not a frame: damaged, cut, or too long. */
  refused = 0;
  private held = Buffer.alloc(0);
  private heldBytes = 0;
  private discarding = false;

  /** Frames that the chunk completes, in order. The chunk is not kept; frames own their memory. */
  push(chunk: Uint8Array): Frame[] {
    const input = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const frames: Frame[] = [];
    let from = 0;
    for (;;) {
      const end = input.indexOf(0, from);
      if (end < 0) break;
      const frame = this.complete(input.subarray(from, end));
      if (frame !== null) frames.push(frame);
      from = end + 1;
    }
    this.hold(input.subarray(from));
    return frames;
  }

  /** Drops a partial frame. */
  reset(): void {
    if (this.held.length > KEPT_BYTES) this.held = Buffer.alloc(0);
    this.heldBytes = 0;
    this.discarding = false;
  }

  private complete(last: Buffer): Frame | null {
    const discarded = this.discarding || this.heldBytes + last.length > MAX_ENCODED_BYTES;
    const text = discarded || this.heldBytes === 0 ? last : this.joined(last);
    this.reset();
    if (!discarded && text.length === 0) return null;
    const raw = discarded ? null : unstuff(text);
    const frame = raw === null ? null : parse(raw);
    if (frame === null) this.refused += 1;
    return frame;
  }

  private hold(rest: Buffer): void {
    if (rest.length === 0 || this.discarding) return;
    if (this.heldBytes + rest.length > MAX_ENCODED_BYTES) {
      this.reset();
      this.discarding = true;
      return;
    }
    this.joined(rest);
    this.heldBytes += rest.length;
  }

  /** What is held, then `more`. The memory doubles when it grows, so that small chunks cost no more than large ones. */
  private joined(more: Buffer): Buffer {
    const length = this.heldBytes + more.length;
    if (length > this.held.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.held.length, 4096));
      this.held.copy(grown, 0, 0, this.heldBytes);
      this.held = grown;
    }
    more.copy(this.held, this.heldBytes);
    return this.held.subarray(0, length);
  }
}
