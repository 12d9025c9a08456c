import { headWithin, omissionMarker, tailWithin } from '../outcome/text.ts';

/** A text to be fitted. If it is very long, only its two ends are given. */
export interface FitRequest {
  /** The whole text, or its beginning if `tail` is not null. */
  readonly head: string;
  readonly tail: string | null;
  /** UTF-8 bytes of the whole text. */
  readonly totalBytes: number;
  readonly budgetTokens: number;
  /** True: only the beginning, without a marker. */
  readonly fromStart?: boolean;
}

export interface Fitted {
  readonly text: string;
  /** UTF-8 bytes of the original that the text omits. */
  readonly omittedBytes: number;
}

/**
 * Head and tail around a marker line, counted in bytes: a token has at least one byte, so N bytes never exceed N tokens.
 * Separate from `fit-tokens.ts`, so that only the worker loads the tokenizer's tables.
 */
export function fitByBytes({ head, tail, totalBytes, budgetTokens, fromStart }: FitRequest): Fitted {
  const room = budgetTokens - omissionMarker(totalBytes).length - 2;
  if (fromStart === true || room < 2) {
    const text = headWithin(head, budgetTokens);
    return { text, omittedBytes: totalBytes - Buffer.byteLength(text) };
  }
  const first = headWithin(head, Math.ceil(room / 2));
  return joinEnds(first, tailWithin(tail ?? head.slice(first.length), Math.floor(room / 2)), totalBytes);
}

/** Joins head and tail with the marker line between them, which gives the number of omitted bytes. */
export function joinEnds(first: string, last: string, totalBytes: number): Fitted {
  const omittedBytes = totalBytes - Buffer.byteLength(first) - Buffer.byteLength(last);
  const before = first === '' || first.endsWith('\n') ? '' : '\n';
  const after = last.startsWith('\n') ? '' : '\n';
  return { text: first + before + omissionMarker(omittedBytes) + after + last, omittedBytes };
}
