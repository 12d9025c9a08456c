import { expect, test } from 'vitest';
import { Demultiplexer } from '../../../src/sandbox/docker/stdio-stream.ts';

function frame(stream: number, payload: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

const read = (chunks: readonly Uint8Array[]): string => {
  const demultiplexer = new Demultiplexer();
  return chunks
    .flatMap((chunk) => [...demultiplexer.push(chunk)].map((part) => Buffer.from(part).toString()))
    .join('');
};

const STREAM = Buffer.concat([
  frame(1, 'one'),
  frame(2, 'not this'),
  frame(1, ''),
  frame(1, 'two'),
  frame(3, 'engine'),
]);

test('only stdout comes through, however the bytes are cut', () => {
  expect(read([STREAM])).toBe('onetwo');
  for (let size = 1; size < 12; size += 1) {
    const chunks = [];
    for (let at = 0; at < STREAM.length; at += size) chunks.push(STREAM.subarray(at, at + size));
    expect(read(chunks)).toBe('onetwo');
  }
});

test.each([[Buffer.from('HTTP/1.1 400 Bad')], [Buffer.from([9, 0, 0, 0, 0, 0, 0, 1])], [Buffer.from([1, 0, 1, 0, 0, 0, 0, 1])]])(
  'what is no multiplexed stream is refused: %j',
  (bytes) => {
    expect(() => read([bytes])).toThrow(RangeError);
  },
); // prettier-ignore
