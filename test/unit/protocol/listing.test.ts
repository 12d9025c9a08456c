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
    expect(decodeListing(payload, 'names')).toEqual({
      items: [
        {
          type: 'file',
          path: 'a/ü.txt',
          sizeBytes: 12,
          modifiedAtMs: 1_700_000_000_000,
          mode: 0o644,
          target: null,
        },
      ],
      truncated: false,
    });
  });

  it('writes a byte of a name that is not UTF-8 so that the name can be given back', () => {
    const payload = Buffer.concat([Buffer.of(0), entry('d', Buffer.of(0x61, 0xff))]);
    expect(decodeListing(payload, 'names').items[0]).toMatchObject({ path: 'a\udcff', type: 'folder' });
  });

  it('gives what a link leads to, in the form of this version', () => {
    const target = Buffer.from('../x');
    const payload = Buffer.concat([Buffer.of(0), entry('l', Buffer.from('d/l')), u32(target.length), target]);
    expect(decodeListing(payload, 'paths').items).toMatchObject([
      { type: 'link', path: 'd/l', target: '../x' },
    ]);
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
    const { items, truncated } = decodeListing(payload, 'names');
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
    expect(decodeMatches(payload, 'names')).toEqual({
      items: [{ path: 'a', line: 3, text: 'hi', textBytes: 2, skippedBytes: 0, lineBytes: 2 }],
      truncated: true,
    });
  });

  it('give which part of a line is shown, in the form of this version', () => {
    const line = [u32(3), u32(500), u32(9000), u32(2), Buffer.from('hi')];
    const payload = Buffer.concat([Buffer.of(0), u32(1), Buffer.from('a'), ...line]);
    const shown = { line: 3, text: 'hi', textBytes: 2, skippedBytes: 500, lineBytes: 9000 };
    expect(decodeMatches(payload, 'paths').items).toEqual([{ path: 'a', ...shown }]);
  });
});

describe('arbitrary bytes', () => {
  it('never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        for (const form of ['names', 'paths'] as const) {
          decodeListing(payload, form);
          decodeMatches(payload, form);
        }
      }),
    );
  });
});
