import type { Cause } from '../outcome/causes.ts';
import { render } from '../outcome/render.ts';
import type { ToolResult } from '../outcome/result.ts';
import type { Task } from '../policy/schema.ts';
import type { TokenBudget } from '../tokens/token-budget.ts';
import { answerTokens, resultOf, streamsOf, type JudgedEnding } from './judged-ending.ts';

/** For what a tool says beside a part, such as the offset to read on with. */
const REMARK_TOKENS = 150;
/** How often a part is made a third shorter because it did not fit with its remarks. */
const ATTEMPTS = 4;

/** The reply to the platform: a status, and the text that the model sees. */
export interface FittedReply {
  readonly status: Cause['status'];
  readonly output: string;
}

/**
 * The reply within the token budget. Of most tools the middle of a long output is left out; a tool that shows its answers
 * from the start makes a shorter one, which says where it stops.
 */
export async function fittedReply(
  tokens: Pick<TokenBudget, 'fitToBudget' | 'headToBudget'>,
  task: Task,
  judged: JudgedEnding,
  result: ToolResult | null,
): Promise<FittedReply> {
  const budget = answerTokens(task, judged);
  const { status, transcript } = render(judged.outcome, result, streamsOf(judged));
  const fitted = await tokens.fitToBudget(transcript, budget);
  if (fitted.omittedBytes === 0 || judged.tool?.fromStart !== true || !result?.stdout)
    return { status, output: fitted.text };
  let room = Math.max(budget - REMARK_TOKENS, budget / 2);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { length } = await tokens.headToBudget(result.stdout, Math.floor(room));
    const shorter = render(judged.outcome, resultOf(task.policy, judged, length)).transcript;
    const { text, omittedBytes } = await tokens.fitToBudget(shorter, budget);
    if (omittedBytes === 0) return { status, output: text };
    room /= 1.5;
  }
  return { status, output: fitted.text };
}
