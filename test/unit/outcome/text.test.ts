import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeOutput, formatBytes, headWithin, tailWithin } from '../../../src/outcome/text.ts';

describe('output as text', () => {
  test.each([
    ['a byte that begins nothing', [0xff, 0x41], '\ufffdA'],
    ['a sequence cut short', [0x41, 0xe2, 0x82], 'A\ufffd'],
    ['an encoded surrogate', [0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
    ['an overlong slash', [0xc0, 0xaf], '\ufffd\ufffd'],
    ['NUL', [0x41, 0, 0x42], 'A\0B'],
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x41], '\ufeffA'],
  ])('%s', (_what, bytes, text) => {
    expect(decodeOutput(Uint8Array.from(bytes))).toBe(text);
  });

  test('any bytes survive JSON', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = decodeOutput(bytes);
        expect(text.isWellFormed()).toBe(true);
        expect(JSON.parse(JSON.stringify(text))).toBe(text);
      }),
    );
  });
});

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [12_340, '12,340'],
  [1_073_741_824, '1,073,741,824'],
])('%i bytes are written %s', (count, text) => {
  expect(formatBytes(count)).toBe(text);
});

/** Characters of one to four bytes. */
const mixed = fc.array(fc.constantFrom('a', '\0', 'ß', '€', '🙂')).map((all) => all.join(''));

test('head and tail are the longest whole characters that fit', () => {
  fc.assert(
    fc.property(mixed, fc.nat(60), (text, bytes) => {
      const head = headWithin(text, bytes);
      const tail = tailWithin(text, bytes);
      expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
      for (const part of [head, tail]) {
        expect(part.isWellFormed()).toBe(true);
        expect(Buffer.byteLength(part)).toBeLessThanOrEqual(bytes);
        if (part !== text) expect(Buffer.byteLength(part)).toBeGreaterThan(bytes - 4);
      }
    }),
  );
});
