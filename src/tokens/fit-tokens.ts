import type { Transcript } from '../outcome/transcript.ts';
import { fit, fitHead, type Fitted, type Measure } from './fit.ts';
import { fitByBytes } from './fit-bytes.ts';
import { headOf, tailOf, tokensUpTo } from './token-count.ts';

const tokens: Measure = { count: tokensUpTo, head: headOf, tail: tailOf };

/** By the tokenizer's count. */
export function fitByTokens(transcript: Transcript, budgetTokens: number): Fitted {
  return fit(transcript, budgetTokens, tokens) ?? fitByBytes(transcript, budgetTokens);
}

/** Only the beginning of the first stream. */
export function headByTokens(transcript: Transcript, budgetTokens: number): Fitted {
  return fitHead(transcript, budgetTokens, tokens);
}
