import { expect, test } from 'vitest';
import { loadCatalog } from '../../../src/policy/load.ts';
import { callId, jobId, rolloutId } from '../../../src/kernel/ids.ts';
import { Rollout } from '../../../src/rollouts/rollout.ts';
import { budgetSentence, overBudget } from '../../../src/tools/call-budget.ts';

const { defaultTask } = loadCatalog({
  policiesDir: 'policies',
  imagesDir: 'images',
  taskFile: 'policies/tasks.yaml',
});

/** The refusals of a rollout's first five calls, null for those that may run. */
function refusals(calls?: number): (string | null)[] {
  const task = { ...defaultTask, calls };
  const rollout = new Rollout({ id: rolloutId('r'), task, job: jobId('j'), openedAt: 0 });
  const records = [1, 2, 3, 4, 5].map((n) => rollout.enterCall(callId(`c${String(n)}`), 'shell', '', 0));
  return records.map((record) => overBudget(rollout, record)?.refusal ?? null);
}

test('without a budget nothing is refused', () => {
  expect(refusals()).toEqual([null, null, null, null, null]);
  expect(budgetSentence({ calls: undefined })).toBe('');
});

test.each([
  [1, 'The one tool call of this task has been used. Give your answer now.'],
  [3, 'All 3 tool calls of this task have been used. Give your answer now.'],
])('of a budget of %i the first calls run, and the rest are told so', (budget, sentence) => {
  expect(refusals(budget)).toEqual([1, 2, 3, 4, 5].map((n) => (n <= budget ? null : sentence)));
});

test('a budget that is larger than what is asked refuses nothing', () => {
  expect(refusals(5)).toEqual([null, null, null, null, null]);
});
