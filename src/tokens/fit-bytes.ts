import { headWithin, omissionMarker, tailWithin } from '../outcome/text.ts';

/** A text to be fitted. Where it is very long only its ends come, never the middle. */
export interface FitRequest {
  /** The whole text, or its beginning where `tail` is not null. */
  readonly head: string;
  readonly tail: string | null;
  /** UTF-8 bytes of the whole text. */
  readonly totalBytes: number;
  readonly budgetTokens: number;
}

export interface Fitted {
  readonly text: string;
  /** UTF-8 bytes of the original that the text doesn't show. */
  readonly omittedBytes: number;
}

/**
 * Head and tail around a marker line by a simple rule: a token is at least one byte, so as many bytes as tokens always fit.
 * Apart from `fit-tokens.ts`, so that the tokenizer's tables are loaded in the worker alone.
 */
export function fitByBytes({ head, tail, totalBytes, budgetTokens }: FitRequest): Fitted {
  const room = budgetTokens - omissionMarker(totalBytes).length - 2;
  if (room < 2) {
    const text = headWithin(head, budgetTokens);
    return { text, omittedBytes: totalBytes - Buffer.byteLength(text) };
  }
  const first = headWithin(head, Math.ceil(room / 2));
  return joinEnds(first, tailWithin(tail ?? head.slice(first.length), Math.floor(room / 2)), totalBytes);
}

/** The shown ends around the line that says how much is missing between them. */
export function joinEnds(first: string, last: string, totalBytes: number): Fitted {
  const omittedBytes = totalBytes - Buffer.byteLength(first) - Buffer.byteLength(last);
  const before = first === '' || first.endsWith('\n') ? '' : '\n';
  const after = last.startsWith('\n') ? '' : '\n';
  return { text: first + before + omissionMarker(omittedBytes) + after + last, omittedBytes };
}
