import type { Task } from '../policy/schema.ts';
import type { Call } from '../rollouts/call.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { refusal, type JudgedEnding } from './judged-ending.ts';

/** The refusal of a call above the task's limit, or null. Calls count in order of arrival, whatever their outcome. */
export function overBudget({ task: { calls: budget }, calls }: Rollout, call: Call): JudgedEnding | null {
  if (budget === undefined) return null;
  let earlier = 0;
  for (const known of calls.values()) {
    if (known === call) return null;
    earlier += 1;
    if (earlier === budget) break;
  }
  const used =
    budget === 1
      ? 'The one tool call of this task has'
      : `All ${String(budget)} tool calls of this task have`;
  return refusal('call_budget', `${used} been used. Give your answer now.`);
}

/** The sentence on the budget in a tool's definition; empty if the task has none. */
export function budgetSentence({ calls }: Pick<Task, 'calls'>): string {
  if (calls === undefined) return '';
  return ` At most ${String(calls)} tool ${calls === 1 ? 'call' : 'calls'} in total, counted over all tools.`;
}
