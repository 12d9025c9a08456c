import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeCommand } from '../../../src/protocol/command-codec.ts';
import { FrameDecoder } from '../../../src/protocol/framing.ts';
import type { Command } from '../../../src/protocol/messages.ts';
import { decodeReport } from '../../../src/protocol/report-codec.ts';

/**
 * Bytes recorded with version 0.1.0: commands as its controller encoded them, reports as its binary sent them as PID 1 of a
 * pid namespace. Byte strings of messages are hex, frames are base64.
 */
interface Recording {
  readonly instance: string;
  readonly commands: readonly { readonly command: object; readonly bytes: string }[];
  readonly reports: readonly { readonly report: { readonly type: string }; readonly bytes: string }[];
}

const recording = JSON.parse(
  readFileSync(resolve(import.meta.dirname, 'recorded/0.1.0.json'), 'utf8'),
) as Recording;

/** The message with its hex strings read, or written. */
const readHex = (message: object): Command =>
  JSON.parse(JSON.stringify(message), (key, value: unknown) =>
    key === 'stdin' || key === 'data' ? Buffer.from(String(value), 'hex') : value,
  ) as Command;
const writtenHex = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(writtenHex);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, writtenHex(part)]));
};

describe('the protocol of 0.1.0', () => {
  test.each(recording.commands)('is what commands are written in: $command', ({ command, bytes }) => {
    expect(encodeCommand(readHex(command), recording.instance).toString('base64')).toBe(bytes);
  });

  test.each(recording.reports)('is understood: $report.type', ({ report, bytes }) => {
    const [frame] = new FrameDecoder().push(Buffer.from(bytes, 'base64'));
    expect(frame && writtenHex(decodeReport(frame))).toEqual(report);
  });

  test('was recorded with every type of report', () => {
    const types = new Set(recording.reports.map(({ report }) => report.type));
    expect([...types].sort()).toEqual(['exited', 'forgotten', 'start-failed', 'started', 'state']);
  });
});
