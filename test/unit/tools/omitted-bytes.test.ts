import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asTerminalShows } from '../../../src/outcome/terminal.ts';
import { betweenCharacters, decodeOutput } from '../../../src/outcome/text.ts';
import { omittedBytes, shortenedAll, textOf, type Transcript } from '../../../src/outcome/transcript.ts';
import type { StreamRecord } from '../../../src/protocol/messages.ts';
import { fitByBytes } from '../../../src/tokens/fit-bytes.ts';
import { fitByTokens } from '../../../src/tokens/fit-tokens.ts';
import { processTranscript } from '../../../src/tools/process-transcript.ts';
import { ended } from '../support/fake-process.ts';
import { endingOf, MARKER, told } from '../support/written-ending.ts';

/** Lines of both streams, without control characters, each with an end. */
const lineWrites = fc.array(
  fc.tuple(
    fc.constantFrom('out' as const, 'err' as const),
    fc
      .tuple(fc.stringMatching(/^[a-zäß漢🙂 ]{1,30}$/u), fc.integer({ min: 1, max: 40 }))
      .map(([text, times]) => `${text}\n`.repeat(times)),
  ),
  { minLength: 1, maxLength: 25 },
);
/** Anything, cut anywhere. */
const anyWrites = fc.array(
  fc.tuple(
    fc.constantFrom('out' as const, 'err' as const),
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.constantFrom(
        '\x1b[31mred\x1b[0m',
        '\r50%',
        '\x1b]0;t\x07',
        'a\b',
        '\r\n',
        '\n',
        '\x1b',
        'x'.repeat(5000),
      ),
    ),
  ),
  { maxLength: 40 },
);
const sizes = fc.record({
  keep: fc.integer({ min: 0, max: 3000 }),
  budget: fc.integer({ min: 50, max: 600 }),
});

describe.each([
  ['by tokens', fitByTokens],
  ['by bytes', fitByBytes],
])('omitted bytes, cut %s', (_how, fit) => {
  test('and the bytes of the text shown are the bytes written', () => {
    fc.assert(
      fc.property(lineWrites, sizes, (writes, { keep, budget }) => {
        const ending = endingOf(writes, keep);
        const { text, omittedBytes: omitted } = fit(processTranscript(ending), budget);
        expect(told(text)).toBe(omitted);
        const shown = text.replace(MARKER, '');
        // A line that is cut in two gets a line end, so that the marker has a line of its own.
        const added =
          Buffer.byteLength(shown) + omitted - ending.stdout.totalBytes - ending.stderr.totalBytes;
        expect(added).toBeGreaterThanOrEqual(0);
        expect(added).toBeLessThanOrEqual(2 * (text.match(MARKER) ?? []).length);
      }),
      { numRuns: 500 },
    );
  });
});

test('whatever is written: the bytes that each stretch stands for, and those omitted, are the bytes written', () => {
  fc.assert(
    fc.property(anyWrites, sizes, (writes, { keep, budget }) => {
      const ending = endingOf(writes, keep);
      const transcript = processTranscript(ending);
      for (const [place, record] of [ending.stdout, ending.stderr].entries())
        expectWhole(transcript, place, record);
      const { text, omittedBytes: omitted } = fitByTokens(transcript, budget);
      if (!writes.some(([, one]) => one.includes('bytes omitted'))) expect(told(text)).toBe(omitted);
      expect(omitted).toBeGreaterThanOrEqual(omittedBytes(transcript));
    }),
    { numRuns: 500 },
  );
});

function expectWhole({ streams }: Transcript, place: number, record: StreamRecord): void {
  const stream = streams[place];
  if (stream === undefined) throw new Error('two streams');
  const { head, tail, omittedBytes: omitted } = stream;
  expect(head.bytes + omitted + (tail?.bytes ?? 0)).toBe(record.totalBytes);
  expect(decodeOutput(record.head).length + decodeOutput(record.tail).length).toBeGreaterThanOrEqual(
    textOf(stream).length,
  );
}

test('a cut counts the bytes of the text beside it, and of what is not shown there', () => {
  const parts = fc.array(
    fc.oneof(
      fc.constantFrom('\x1b[31m', '\x1b[0m', '\x1b]0;title\x07', '\x1b(B').map((text) => Buffer.from(text)),
      fc
        .string({ unit: 'grapheme', maxLength: 8 })
        .map((text) => Buffer.from(text.replace(/[\r\b\x1b\x9b]/g, ''))),
      fc.constantFrom([0xff], [0xe2, 0x82], [0xed]).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 30 },
  );
  const text = (bytes: Uint8Array): string =>
    asTerminalShows(bytes, { before: false, after: false }, []).stretch.text;
  fc.assert(
    fc.property(parts, fc.nat(), fc.nat(), (all, one, other) => {
      const bytes = Buffer.concat(all.flatMap((part) => [part, Buffer.from('.')]));
      const stdout = { ...ended(1).stdout, head: bytes, totalBytes: bytes.length };
      const transcript = processTranscript({ ...ended(1), stdout });
      const { length } = text(bytes);
      const [from = 0, to = 0] = [one % (length + 1), other % (length + 1)].sort((a, b) => a - b);
      const [headLength, tailStart] = [from, to].map((at) => betweenCharacters(text(bytes), at, -1));
      const [cut] = shortenedAll(transcript, [
        { headLength: headLength ?? 0, tailStart: tailStart ?? 0 },
      ]).streams;
      if (cut?.tail == null) return;
      expect(text(bytes.subarray(0, cut.head.bytes))).toBe(cut.head.text);
      expect(text(bytes.subarray(bytes.length - cut.tail.bytes))).toBe(cut.tail.text);
    }),
    { numRuns: 2000 },
  );
});
