import type { Task } from '../policy/schema.ts';
import type { Call } from '../rollouts/call.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { refusal, type JudgedEnding } from './judged-ending.ts';

/** The refusal of a call beyond what the task grants a rollout, or null. Calls count in order of arrival, whatever became of them. */
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

/** What a tool's definition says of the budget; empty where there is none. */
export function budgetSentence({ calls }: Pick<Task, 'calls'>): string {
  if (calls === undefined) return '';
  return ` At most ${String(calls)} tool ${calls === 1 ? 'call' : 'calls'} in all, over all tools.`;
}
