import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeOutput } from '../../../src/outcome/text.ts';
import { decodeWithPlaces, PlaceWalker, wholeCharacters } from '../../../src/outcome/utf8.ts';

/** Text, broken text, and bytes that are on the edges of what UTF-8 allows. */
const anyBytes = fc
  .array(
    fc.oneof(
      fc
        .constantFrom('a', '\n', 'ß', '€', '漢', '🙂', '\ufffd', '\ufeff')
        .map((text) => [...Buffer.from(text)]),
      fc.constantFrom(0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xf5, 0xff).map((byte) => [byte]),
      fc.nat(255).map((byte) => [byte]),
    ),
    { maxLength: 60 },
  )
  .map((parts) => Uint8Array.from(parts.flat()));

describe('decoding with places', () => {
  test('gives the text of the standard decoder, and at every place the bytes before it', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const { text, places, replaced } = decodeWithPlaces(bytes);
        expect(text).toBe(decodeOutput(bytes));
        for (let at = 0; at < places.length; at += 2)
          expect(decodeOutput(bytes.subarray(0, places[at + 1]))).toBe(text.slice(0, places[at]));
        for (let at = 0; at < replaced.length; at += 2) expect(text[replaced[at] ?? -1]).toBe('\ufffd');
        const own = Buffer.byteLength(text) - 3 * (replaced.length / 2);
        const theirs = replaced.reduce((sum, value, at) => sum + (at % 2 === 1 ? value : 0), 0);
        expect(own + theirs).toBe(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  test('walks from bytes to indices and back', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const decoded = decodeWithPlaces(bytes);
        const [there, back] = [new PlaceWalker(decoded, bytes), new PlaceWalker(decoded, bytes)];
        for (let byte = 0; byte <= bytes.length; byte += 1) {
          const index = there.indexOf(byte);
          expect(back.byteOf(index)).toBeLessThanOrEqual(byte);
          expect(back.byteOf(index)).toBeGreaterThan(byte - 4);
        }
        expect(there.indexOf(bytes.length)).toBe(decoded.text.length);
      }),
      { numRuns: 2000 },
    );
  });
});

test('a cut leaves no part of a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), fc.nat(), (text, first, second) => {
      const bytes = Buffer.from(text.toWellFormed());
      const [from, to] = [first % (bytes.length + 1), second % (bytes.length + 1)].sort((a, b) => a - b);
      const { head, tail } = wholeCharacters({ head: bytes.subarray(0, from), tail: bytes.subarray(to) });
      expect(text.toWellFormed().startsWith(decodeOutput(head))).toBe(true);
      expect(text.toWellFormed().endsWith(decodeOutput(tail))).toBe(true);
      expect((from ?? 0) - head.length + (bytes.length - (to ?? 0) - tail.length)).toBeLessThanOrEqual(6);
    }),
  );
});
