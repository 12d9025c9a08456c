import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameDecoder, MAX_FRAME_BYTES, type Frame } from '../../../src/protocol/framing.ts';

const instance = 'ab'.repeat(16);
const sample: Frame = { instance, type: 2, call: 7, fields: [{ tag: 5, value: Buffer.from('echo\0hi') }] };

const frames: fc.Arbitrary<Frame> = fc.record({
  instance: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) => Buffer.from(bytes).toString('hex')),
  type: fc.integer({ min: 0, max: 255 }),
  call: fc.integer({ min: 0, max: 0xffff_ffff }),
  fields: fc.array(
    fc.record({
      tag: fc.integer({ min: 0, max: 255 }),
      value: fc
        .oneof(
          fc.uint8Array({ maxLength: 600 }),
          fc.integer({ min: 250, max: 520 }).map((n) => new Uint8Array(n).fill(7)),
        )
        .map((bytes) => Buffer.from(bytes)),
    }),
    { maxLength: 5 },
  ),
});

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

function decodeAll(decoder: FrameDecoder, chunks: readonly Uint8Array[]): Frame[] {
  return chunks.flatMap((chunk) => decoder.push(chunk));
}

describe('frames', () => {
  it('come back as they went, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 4 }), fc.array(fc.nat(), { maxLength: 8 }), (sent, cuts) => {
        const decoder = new FrameDecoder();
        const got = decodeAll(decoder, pieces(Buffer.concat(sent.map(encodeFrame)), cuts));
        expect(got).toEqual(sent);
        expect(decoder.refused).toBe(0);
      }),
    );
  });

  it('hold no zero but the delimiter at their end', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const bytes = encodeFrame(frame);
        expect(bytes.indexOf(0)).toBe(bytes.length - 1);
      }),
    );
  });

  it.each([253, 254, 255, 507, 508, 509, 1016])(
    'keep runs of %i bytes, with and without a zero behind',
    (length) => {
      for (const end of [[], [0], [0, 0], [1, 0]]) {
        const value = Buffer.concat([Buffer.alloc(length, 9), Buffer.from(end)]);
        const frame = { ...sample, fields: [{ tag: 1, value }] };
        expect(new FrameDecoder().push(encodeFrame(frame))).toEqual([frame]);
      }
    },
  );

  it('arrive byte by byte', () => {
    const decoder = new FrameDecoder();
    const got = [...encodeFrame(sample)].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
    expect(got).toEqual([sample]);
  });

  it('of a megabyte pass in well under a second', () => {
    const frame = { ...sample, fields: [{ tag: 9, value: Buffer.alloc(1 << 20, 'text') }] };
    const begun = performance.now();
    expect(new FrameDecoder().push(encodeFrame(frame))[0]?.fields[0]?.value.length).toBe(1 << 20);
    expect(performance.now() - begun).toBeLessThan(500);
  });

  it('own their memory: a reused chunk does not change them', () => {
    const chunk = encodeFrame(sample);
    const [got] = new FrameDecoder().push(chunk);
    chunk.fill(1);
    expect(got).toEqual(sample);
  });
});

describe('what is no frame', () => {
  it('is refused without a throw, and the next frame is understood', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.array(fc.nat(), { maxLength: 5 }), (noise, cuts) => {
        const decoder = new FrameDecoder();
        const bytes = Buffer.concat([Buffer.from(noise), Buffer.of(0), encodeFrame(sample)]);
        expect(decodeAll(decoder, pieces(bytes, cuts)).at(-1)).toEqual(sample);
      }),
    );
  });

  it('results from any single flipped bit, and is counted', () => {
    const good = encodeFrame(sample);
    for (let bit = 0; bit < (good.length - 1) * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const decoder = new FrameDecoder();
      expect(decoder.push(bad)).toEqual([]);
      expect(decoder.refused).toBeGreaterThan(0);
    }
  });

  it('results from bytes lost anywhere, and does not take the frame after it along', () => {
    const good = encodeFrame(sample);
    for (let lost = 0; lost < good.length - 1; lost++) {
      const decoder = new FrameDecoder();
      const stream = Buffer.concat([good.subarray(0, lost), good.subarray(lost + 1), good]);
      expect(decoder.push(stream)).toEqual([sample]);
      expect(decoder.refused).toBe(1);
    }
  });

  it('costs the frame behind it where the delimiter between was lost, but not the one after that', () => {
    const good = encodeFrame(sample);
    const decoder = new FrameDecoder();
    expect(decoder.push(Buffer.concat([good.subarray(0, -1), good, good]))).toEqual([sample]);
  });

  it('is an empty text: delimiters alone are neither frames nor refused', () => {
    const decoder = new FrameDecoder();
    expect(decoder.push(Buffer.alloc(1000))).toEqual([]);
    expect(decoder.refused).toBe(0);
  });

  it.each([
    ['a block longer than the text', Buffer.of(9, 1, 2, 0)],
    ['too short for a header', Buffer.of(3, 1, 2, 0)],
    ['only a count', Buffer.of(1, 0)],
  ])('is %s', (_name, bytes) => {
    const decoder = new FrameDecoder();
    expect(decoder.push(bytes)).toEqual([]);
    expect(decoder.refused).toBe(1);
  });

  it('is a field that claims more bytes than there are, though the checksum is right', () => {
    const raw = Buffer.alloc(25 + 5);
    raw.writeUInt8(1, 25);
    raw.writeUInt32BE(0xffff_ffff, 26);
    raw.writeUInt32BE(crc32(raw.subarray(4)), 0);
    const text = Buffer.concat([...raw].map((byte) => (byte === 0 ? Buffer.of(0) : Buffer.of(byte))));
    const blocks: Buffer[] = [];
    for (let from = 0; from <= text.length;) {
      const zero = text.indexOf(0, from);
      const end = zero < 0 ? text.length : zero;
      blocks.push(Buffer.of(end - from + 1), text.subarray(from, end));
      from = end + 1;
    }
    const decoder = new FrameDecoder();
    expect(decoder.push(Buffer.concat([...blocks, Buffer.of(0)]))).toEqual([]);
    expect(decoder.refused).toBe(1);
  });

  it('never makes memory grow: sixty megabytes without a delimiter are one refused text', () => {
    const decoder = new FrameDecoder();
    const chunk = Buffer.alloc(1 << 20, 1);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 60; i++) expect(decoder.push(chunk)).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3 * MAX_FRAME_BYTES);
    expect(decoder.push(Buffer.of(0))).toEqual([]);
    expect(decoder.refused).toBe(1);
    expect(decoder.push(encodeFrame(sample))).toEqual([sample]);
  });

  it('is half a frame of an attachment that broke: a reset forgets it uncounted', () => {
    const decoder = new FrameDecoder();
    decoder.push(encodeFrame(sample).subarray(0, 20));
    decoder.reset();
    expect(decoder.push(encodeFrame(sample))).toEqual([sample]);
    expect(decoder.refused).toBe(0);
  });

  it('is not sent: content that does not fit throws before a byte leaves', () => {
    const fields = [{ tag: 9, value: Buffer.alloc(MAX_FRAME_BYTES) }];
    expect(() => encodeFrame({ ...sample, fields })).toThrow(RangeError);
  });
});
