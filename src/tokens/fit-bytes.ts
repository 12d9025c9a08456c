import type { Transcript } from '../outcome/transcript.ts';
import { headWithin, tailWithin } from '../outcome/text.ts';
import { emptied, fit, fitHead, fitted, type Fitted, type Measure } from './fit.ts';

const bytes: Measure = {
  count: (text) => Buffer.byteLength(text),
  head: headWithin,
  tail: tailWithin,
};

/**
 * By bytes: a token has at least one byte, so N bytes never exceed N tokens. Separate from `fit-tokens.ts`, so that only the
 * worker loads the tokenizer's tables.
 */
export function fitByBytes(transcript: Transcript, budgetTokens: number): Fitted {
  const { text, omittedBytes } = fit(transcript, budgetTokens, bytes) ?? fitted(emptied(transcript));
  return { text: headWithin(text, budgetTokens), omittedBytes };
}

/** Only the beginning of the first stream. */
export function headByBytes(transcript: Transcript, budgetTokens: number): Fitted {
  return fitHead(transcript, budgetTokens, bytes);
}
