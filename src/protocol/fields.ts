/** The values in a frame's fields, written and read. Reading throws `Malformed`, which `readOrNull` turns into null. */
import type { Field, Frame } from './framing.ts';

export function number(tag: number, value: number): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(Math.trunc(value)));
  return { tag, value: bytes };
}

export function text(tag: number, value: string): Field {
  return { tag, value: Buffer.from(value, 'utf8') };
}

/** Never leaves `readOrNull`. */
export class Malformed extends Error {}

export function readOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

export function all(frame: Frame, tag: number): Buffer[] {
  return frame.fields
    .filter((field) => field.tag === tag)
    .map(({ value }) => Buffer.from(value.buffer, value.byteOffset, value.byteLength));
}

export function optional(frame: Frame, tag: number): Buffer | null {
  const found = all(frame, tag);
  if (found.length > 1) throw new Malformed();
  return found[0] ?? null;
}

export function bytes(frame: Frame, tag: number): Buffer {
  const value = optional(frame, tag);
  if (value === null) throw new Malformed();
  return value;
}

/** sandboxd's numbers are at least -1. */
export function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -1n) throw new Malformed();
  return Number(value);
}

export function numberAt(frame: Frame, tag: number): number {
  const value = bytes(frame, tag);
  if (value.length !== 8) throw new Malformed();
  return safeNumber(value.readBigInt64BE());
}

/** The name in `table` of the field's number. */
export function chosen<T extends string>(frame: Frame, tag: number, table: Readonly<Record<T, number>>): T {
  const value = numberAt(frame, tag);
  const name = (Object.keys(table) as T[]).find((key) => table[key] === value);
  if (name === undefined) throw new Malformed();
  return name;
}

export function string(frame: Frame, tag: number): string {
  return bytes(frame, tag).toString('utf8');
}

export function stringOrNull(frame: Frame, tag: number): string | null {
  return optional(frame, tag)?.toString('utf8') ?? null;
}
