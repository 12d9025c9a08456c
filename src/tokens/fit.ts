import {
  compose,
  omittedBytes,
  shortenedAll,
  textOf,
  type Ends,
  type StreamText,
  type Transcript,
} from '../outcome/transcript.ts';
import { omissionMarker } from '../outcome/text.ts';

export interface Fitted {
  readonly text: string;
  /** Bytes of the streams that the text omits. */
  readonly omittedBytes: number;
}

/** Counts and cuts a text: by tokens, or by bytes. */
export interface Measure {
  /** If the count exceeds `limit`, some number above it. */
  count(text: string, limit: number): number;
  /** The longest prefix of about `limit`. */
  head(text: string, limit: number): string;
  /** The longest suffix of about `limit`. */
  tail(text: string, limit: number): string;
}

/** How often a text is cut again if it is a little too long. */
const ATTEMPTS = 4;

/**
 * The whole text if it fits the budget, else beginning and end of each stream. A stream that needs less than half of the
 * room is whole, and the other gets the rest. Null where that does not come out within the budget.
 */
export function fit(transcript: Transcript, budget: number, measure: Measure): Fitted | null {
  const whole = fitted(transcript);
  if (measure.count(whole.text, budget) <= budget) return whole;
  const around = compose(emptied(transcript));
  const marker = `\n${omissionMarker(transcript.streams.reduce((sum, { head }) => sum + head.bytes, 0))}\n`;
  let room = budget - measure.count(`${around}${marker.repeat(transcript.streams.length)}`, Infinity);
  for (let attempt = 0; attempt < ATTEMPTS && room > 1; attempt += 1) {
    const candidate = fitted(shortenedAll(transcript, endsWithin(transcript.streams, room, measure)));
    const excess = measure.count(candidate.text, Infinity) - budget;
    if (excess <= 0) return candidate;
    room -= excess;
  }
  return null;
}

/** The beginning of the first stream, without a marker. */
export function fitHead({ streams: [stream] }: Transcript, budget: number, measure: Measure): Fitted {
  if (stream === undefined) return { text: '', omittedBytes: 0 };
  const text = measure.head(stream.head.text, budget);
  return { text, omittedBytes: stream.head.bytes + stream.omittedBytes - Buffer.byteLength(text) };
}

export function fitted(transcript: Transcript): Fitted {
  return { text: compose(transcript), omittedBytes: omittedBytes(transcript) };
}

/** Nothing of the streams: remarks and the number of omitted bytes are left. */
export function emptied(transcript: Transcript): Transcript {
  return shortenedAll(
    transcript,
    transcript.streams.map((stream) => ({ headLength: 0, tailStart: textOf(stream).length })),
  );
}

function endsWithin(streams: readonly StreamText[], room: number, measure: Measure): (Ends | null)[] {
  const needs = streams.map((stream) => measure.count(textOf(stream), room));
  const shares = streams.length === 1 ? [room] : sharesOf(room, needs);
  return streams.map((stream, place) => {
    const share = shares[place] ?? 0;
    return (needs[place] ?? 0) <= share ? null : endsOf(stream, share, measure);
  });
}

function sharesOf(room: number, [first = 0, second = 0]: readonly number[]): number[] {
  const half = Math.floor(room / 2);
  if (first <= half) return [first, room - first];
  if (second <= half) return [room - second, second];
  return [room - half, half];
}

function endsOf(stream: StreamText, share: number, measure: Measure): Ends {
  const { head, tail } = stream;
  const text = textOf(stream);
  const first = measure.head(head.text, Math.ceil(share / 2));
  const rest = tail?.text ?? head.text.slice(first.length);
  const last = measure.tail(rest, Math.floor(share / 2));
  return { headLength: lineEnd(first), tailStart: text.length - lineStart(rest, last).length };
}

/** The text up to the end of a line, if that is in its second half. */
function lineEnd(first: string): number {
  const end = first.lastIndexOf('\n') + 1;
  return end * 2 >= first.length ? end : first.length;
}

/** The text from the beginning of a line on, if that is in its first half. */
function lineStart(rest: string, last: string): string {
  const before = rest.length - last.length;
  const start = before > 0 && rest[before - 1] === '\n' ? 0 : last.indexOf('\n') + 1;
  return before > 0 && start * 2 <= last.length ? last.slice(start) : last;
}
