import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeOutput } from '../../../src/outcome/text.ts';
import { omittedBytes, textOf, type Transcript } from '../../../src/outcome/transcript.ts';
import type { StreamRecord } from '../../../src/protocol/messages.ts';
import { fitByBytes } from '../../../src/tokens/fit-bytes.ts';
import { fitByTokens } from '../../../src/tokens/fit-tokens.ts';
import { processTranscript } from '../../../src/tools/process-transcript.ts';
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
