import type { Ending, ReadPoint, StreamRecord } from '../../../src/protocol/messages.ts';
import { ended, streamRecord } from './fake-process.ts';

export type Write = readonly [stream: 'out' | 'err', text: string];

/** As sandboxd reports what was read in this order. */
export function endingOf(writes: readonly Write[], keepBytes = 65_536): Ending {
  const all = { out: '', err: '' };
  const order: ReadPoint[] = [];
  let last: Write[0] | null = null;
  for (const [stream, text] of writes) {
    if (last !== null && last !== stream)
      order.push([Buffer.byteLength(all.out), Buffer.byteLength(all.err)]);
    last = stream;
    all[stream] += text;
  }
  const record = (text: string): StreamRecord => streamRecord(Buffer.from(text), keepBytes);
  return { ...ended(1), stdout: record(all.out), stderr: record(all.err), order };
}

export const MARKER = /^\[([\d,]+) bytes omitted\]\n/gm;
/** Bytes that the text says are omitted. */
export const told = (text: string): number =>
  [...text.matchAll(MARKER)].reduce((sum, [, count = '']) => sum + Number(count.replaceAll(',', '')), 0);
