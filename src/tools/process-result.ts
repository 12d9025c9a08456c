import { decodeOutput, formatBytes } from '../outcome/text.ts';
import { waitResult } from '../outcome/result.ts';
import type { Ending, StreamRecord } from '../protocol/messages.ts';
import type { Shown } from './tool.ts';

/** The result of a call that ran a process: its streams as text, and its wait(2) status. */
export function processResult(ending: Ending): Shown {
  return {
    ...waitResult(ending.waitStatus),
    stdout: streamText(ending.stdout),
    stderr: streamText(ending.stderr),
    truncated: isCut(ending.stdout) || isCut(ending.stderr),
  };
}

function isCut(stream: StreamRecord): boolean {
  return stream.head.length + stream.tail.length < stream.totalBytes;
}

/** The stream as text. If bytes were dropped, head and tail around a line that gives their number. */
export function streamText(stream: StreamRecord): string {
  if (!isCut(stream)) return decodeOutput(Buffer.concat([stream.head, stream.tail]));
  const missing = stream.totalBytes - stream.head.length - stream.tail.length;
  return `${decodeOutput(stream.head)}\n[${formatBytes(missing)} bytes omitted]\n${decodeOutput(stream.tail)}`;
}
