import { replacedBytes, slice, type Stretch } from '../outcome/stretch.ts';
import { betweenCharacters } from '../outcome/text.ts';
import { cutCharacterBytes, decodeWithPlaces } from '../outcome/utf8.ts';
import type { Ending } from '../protocol/messages.ts';

/** A part of a file as it is shown. */
export interface FilePart {
  readonly text: string;
  /** The bytes of the file that `text` stands for. */
  readonly bytes: number;
  /** How many of them are not UTF-8, and are shown as U+FFFD. */
  readonly invalidBytes: number;
  /** The file ends where `text` does; null: not known (0.1.0). */
  readonly atEnd: boolean | null;
  readonly lineBreaks: number;
}

/** The beginning of what was read, of at most `characters` UTF-16 units. A part that could be longer ends with a line. */
export function partOf(ending: Ending, asked: number, characters: number): FilePart {
  const { payload, facts } = ending;
  const atEnd = facts === undefined ? (payload.length < asked ? true : null) : facts.atEnd === 1;
  const bytes = atEnd === true ? payload : payload.subarray(0, completeBytes(payload));
  const whole: Stretch = { ...decodeWithPlaces(bytes), bytes: bytes.length };
  if (whole.text.length <= characters) return partFrom(whole, atEnd);
  const length = wholeLines(whole.text, betweenCharacters(whole.text, characters, -1));
  return partFrom(slice(whole, 0, length), false);
}

function partFrom(shown: Stretch, atEnd: boolean | null): FilePart {
  const { text, bytes } = shown;
  return { text, bytes, invalidBytes: replacedBytes(shown), atEnd, lineBreaks: text.split('\n').length - 1 };
}

/** Without the first bytes of a character that goes on behind the part. Never 0 of more than 0 bytes. */
function completeBytes(bytes: Uint8Array): number {
  const complete = bytes.length - cutCharacterBytes(bytes);
  return complete === 0 ? bytes.length : complete;
}

/** The length, or up to the last line break within it, unless that is less than half. */
function wholeLines(text: string, length: number): number {
  const end = text.lastIndexOf('\n', length - 1) + 1;
  return end > length / 2 ? end : length;
}
