import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeListing, decodeMatches } from '../../../src/protocol/listing.ts';

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

function entry(type: string, path: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(type),
    u64(12),
    u64(1_700_000_000_000),
    u32(0o644),
    u32(path.length),
    path,
  ]);
}

describe('a listing', () => {
  it('gives type, size, time, mode and path', () => {
    const payload = Buffer.concat([Buffer.of(0), entry('f', Buffer.from('a/ü.txt'))]);
    expect(decodeListing(payload)).toEqual({
      items: [
        {
          type: 'file',
          path: 'a/ü.txt',
          exact: true,
          sizeBytes: 12,
          modifiedAtMs: 1_700_000_000_000,
          mode: 0o644,
        },
      ],
      truncated: false,
    });
  });

  it('shows a name that is not UTF-8, and marks that it does not name the file', () => {
    const payload = Buffer.concat([Buffer.of(0), entry('d', Buffer.of(0x61, 0xff))]);
    expect(decodeListing(payload).items[0]).toMatchObject({ path: 'a\ufffd', exact: false, type: 'folder' });
  });

  it.each([
    ['is cut in an entry', Buffer.concat([Buffer.of(0), entry('f', Buffer.from('a')), Buffer.of(1, 2)]), 1],
    ['has an unknown type', Buffer.concat([Buffer.of(0), entry('?', Buffer.from('a'))]), 0],
    [
      'claims a path of 4 GB',
      Buffer.concat([Buffer.of(0), Buffer.from('f'), u64(1), u64(1), u32(1), u32(0xffff_ffff)]),
      0,
    ],
    ['is empty', Buffer.alloc(0), 0],
  ])('is marked as truncated where it %s', (_name, payload, count) => {
    const { items, truncated } = decodeListing(payload);
    expect(items).toHaveLength(count);
    expect(truncated).toBe(true);
  });
});

describe('matches', () => {
  it('give path, line number and line', () => {
    const payload = Buffer.concat([
      Buffer.of(1),
      u32(1),
      Buffer.from('a'),
      u32(3),
      u32(2),
      Buffer.from('hi'),
    ]);
    expect(decodeMatches(payload)).toEqual({
      items: [{ path: 'a', exact: true, line: 3, text: 'hi' }],
      truncated: true,
    });
  });
});

describe('arbitrary bytes', () => {
  it('never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        decodeListing(payload);
        decodeMatches(payload);
      }),
    );
  });
});
