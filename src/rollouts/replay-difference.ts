import type { EventOf, StreamDigests } from '../journal/event.ts';
import type { Outcome } from '../outcome/causes.ts';
import type { ToolResult } from '../outcome/result.ts';

/** A call that was run again. */
export interface RerunResult {
  readonly outcome: Outcome;
  readonly result: ToolResult | null;
  readonly streams?: StreamDigests;
}

type Compared = Pick<RerunResult, 'result' | 'streams'>;

/**
 * Where a replayed call differs from what the model was shown, in words for operators, or null.
 *
 * The whole streams are compared by digest, each for itself: their order among each other is not. Where that differs, the text may differ in what a clock prints and in
 * nothing else, and only if all of it was kept. What was never printed cannot be compared.
 */
export function difference(first: EventOf<'call_finished'>, again: RerunResult): string | null {
  if (first.outcome.cause !== again.outcome.cause)
    return `ended as ${again.outcome.cause}, first as ${first.outcome.cause}`;
  if (first.result === null || again.result === null)
    return first.result === again.result ? null : 'no result';
  return statusDifference(first.result, again.result) ?? streamDifference(first, again);
}

function statusDifference(first: ToolResult, again: ToolResult): string | null {
  for (const field of ['exit_code', 'signal'] as const)
    if (first[field] !== again[field])
      return `${field} ${String(again[field])}, first ${String(first[field])}`;
  return null;
}

function streamDifference(first: Compared, again: Compared): string | null {
  for (const stream of ['stdout', 'stderr'] as const)
    if (!sameStream(stream, first, again)) return `${stream} differs`;
  return null;
}

function sameStream(stream: 'stdout' | 'stderr', first: Compared, again: Compared): boolean {
  const [before = '', after = ''] = [first.result?.[stream], again.result?.[stream]];
  const digest = first.streams?.[stream];
  if (digest?.sha256 === again.streams?.[stream].sha256) return before === after || hasBytes(digest);
  const kept = first.result?.truncated === false && again.result?.truncated === false;
  return kept && withoutClocks(before) === withoutClocks(after);
}

/**
 * Then the digest says all, and the text may come from a version that cut it elsewhere. Tools that print nothing, such as
 * `read_file`, have the digest of an empty stream, and only their text tells.
 */
function hasBytes(digest: StreamDigests['stdout'] | undefined): boolean {
  return digest !== undefined && digest.bytes > 0;
}

/** The one normalisation: what clocks print. Process ids, addresses and random names stay, and count as different. */
const clocks: readonly RegExp[] = [
  /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z| ?[+-]\d\d:?\d\d)?)?/g, // ISO 8601
  /\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2}|\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?= \d{4}))(?:,? +\d{4})?(?: +\d\d:\d\d(?::\d\d)?)?(?: +(?:AM|PM|UTC|GMT|[+-]\d{4}))*(?: +\d{4})?/g, // date, ls -l, RFC 5322
  /\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AP]M)?\b/g, // time of day
  /\b1[6-9]\d{8}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?\b/g, // seconds, or parts of them, since 1970
  /\b\d+m\d+[.,]\d+s\b/g, // time(1)
  /\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|sec|secs|seconds?)\b/g, // durations
];

function withoutClocks(text: string): string {
  return clocks.reduce((left, pattern) => left.replace(pattern, '<time>'), text);
}
