import { expect, it } from 'vitest';
import { RetryBudget } from '../../../src/admission/retry-budget.ts';
import { ManualClock } from '../support/manual-clock.ts';

it('lets a hundred retries go at once, then twenty a second, and forgets the storm when it is over', async () => {
  const clock = new ManualClock();
  const budget = new RetryBudget(clock);
  const waits = Array.from({ length: 140 }, () => budget.spend());
  expect(waits.slice(0, 100).every((wait) => wait === 0)).toBe(true);
  expect(waits[100]).toBe(50);
  expect(waits[139]).toBe(2_000);
  await clock.advance(7_000);
  expect(Array.from({ length: 100 }, () => budget.spend()).every((wait) => wait === 0)).toBe(true);
});
