import { waitResult } from '../outcome/result.ts';
import { decodeOutput, omissionMarker } from '../outcome/text.ts';
import { wholeCharacters } from '../outcome/utf8.ts';
import type { Ending, StreamRecord } from '../protocol/messages.ts';
import type { Shown } from './tool.ts';

/** The result of a call that ran a process: its streams as text, each for itself, and its wait(2) status. */
export function processResult(ending: Ending): Shown {
  return {
    ...waitResult(ending.waitStatus),
    stdout: streamText(ending.stdout),
    stderr: streamText(ending.stderr),
    truncated: isCut(ending.stdout) || isCut(ending.stderr),
  };
}

export function isCut(stream: StreamRecord): boolean {
  return stream.head.length + stream.tail.length < stream.totalBytes;
}

/** The stream as text, to the letter. If bytes were dropped, head and tail around a line that gives their number. */
function streamText(stream: StreamRecord): string {
  if (!isCut(stream)) return decodeOutput(Buffer.concat([stream.head, stream.tail]));
  const { head, tail } = wholeCharacters(stream);
  const missing = stream.totalBytes - head.length - tail.length;
  return `${decodeOutput(head)}\n${omissionMarker(missing)}\n${decodeOutput(tail)}`;
}
