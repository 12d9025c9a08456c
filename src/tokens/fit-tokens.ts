import { fitByBytes, joinEnds, type Fitted, type FitRequest } from './fit-bytes.ts';
import { omissionMarker } from '../outcome/text.ts';
import { headOf, tailOf, tokensUpTo } from './token-count.ts';

/** How often a joined text is cut again if it is a few tokens too long. */
const ATTEMPTS = 4;

/** The whole text if it fits the budget by the tokenizer's count, else head and tail around a marker line. */
export function fitByTokens(request: FitRequest): Fitted {
  const { head, tail, totalBytes, budgetTokens } = request;
  if (tail === null && tokensUpTo(head, budgetTokens) <= budgetTokens) return { text: head, omittedBytes: 0 };
  if (request.fromStart === true) {
    const text = headOf(head, budgetTokens);
    return { text, omittedBytes: totalBytes - Buffer.byteLength(text) };
  }
  let room = budgetTokens - tokensUpTo(`\n${omissionMarker(totalBytes)}\n`, budgetTokens);
  for (let attempt = 0; attempt < ATTEMPTS && room > 1; attempt += 1) {
    const first = headOf(head, Math.ceil(room / 2));
    const last = tailOf(tail ?? head.slice(first.length), Math.floor(room / 2));
    const fitted = joinEnds(first, last, totalBytes);
    const excess = tokensUpTo(fitted.text, Infinity) - budgetTokens;
    if (excess <= 0) return fitted;
    room -= excess;
  }
  return fitByBytes(request);
}
