import { render, type Reply } from '../outcome/render.ts';
import type { ToolResult } from '../outcome/result.ts';
import type { Task } from '../policy/schema.ts';
import type { TokenBudget } from '../tokens/token-budget.ts';
import { answerTokens, resultOf, type JudgedEnding } from './judged-ending.ts';

/** For what a tool says beside a part, such as the offset to read on with. */
const REMARK_TOKENS = 150;
/** How often a part is made a third shorter because it did not fit with its remarks. */
const ATTEMPTS = 4;

/**
 * The reply within the token budget. Of most tools the middle of a long output is left out; a tool that shows its answers
 * from the start makes a shorter one, which says where it stops.
 */
export async function fittedReply(
  tokens: Pick<TokenBudget, 'fitToBudget' | 'headToBudget'>,
  task: Task,
  judged: JudgedEnding,
  result: ToolResult | null,
): Promise<Reply> {
  const budget = answerTokens(task, judged);
  const { status, output: whole } = render(judged.outcome, result);
  const fitted = await tokens.fitToBudget(whole, budget);
  if (fitted.omittedBytes === 0 || judged.tool?.fromStart !== true || !result?.stdout)
    return { status, output: fitted.text };
  let room = Math.max(budget - REMARK_TOKENS, budget / 2);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { length } = await tokens.headToBudget(result.stdout, Math.floor(room));
    const { output } = render(judged.outcome, resultOf(task.policy, judged, length));
    if ((await tokens.fitToBudget(output, budget)).omittedBytes === 0) return { status, output };
    room /= 1.5;
  }
  return { status, output: fitted.text };
}
