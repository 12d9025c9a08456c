import { expect, test } from 'vitest';
import { advantages } from '../../../images/reports/examples/advantages.ts';
import { FULL, grade, NONE, PARTIAL, type Expected } from '../../../images/reports/examples/grade.ts';

const thirtyTwo: Expected = { answer: '32', scale: '' };
const sevenPercent: Expected = { answer: '7', scale: 'percent' };
const sales: Expected = { answer: '$1,496.5', scale: 'million' };
const loss: Expected = { answer: '(3.2)', scale: 'million' };
const phrase: Expected = { answer: 'our allowable incurred costs', scale: '' };

test.each<[string, Expected, number]>([
  ['$32', thirtyTwo, FULL],
  ['32 dollars', thirtyTwo, FULL],
  ['The answer is 32.00.', thirtyTwo, FULL],
  ['33', thirtyTwo, PARTIAL],
  ['32 million', thirtyTwo, PARTIAL],
  ['-32', thirtyTwo, PARTIAL],
  ['40', thirtyTwo, NONE],
  ['none', thirtyTwo, NONE],
  ['', thirtyTwo, NONE],
  ['7%', sevenPercent, FULL],
  ['0.07', sevenPercent, FULL],
  ['7', sevenPercent, FULL],
  ['7 percent', sevenPercent, FULL],
  ['0.07%', sevenPercent, PARTIAL],
  ['70%', sevenPercent, NONE],
  ['$1,496.5 million', sales, FULL],
  ['1496500000', sales, FULL],
  ['1.4965 billion', sales, FULL],
  ['1,496.5 thousand', sales, PARTIAL],
  ['about $1.45 billion', sales, PARTIAL],
  ['149.65', sales, NONE],
  ['-3.2 million', loss, FULL],
  ['(3.2)', loss, FULL],
  ['3.2 million', loss, PARTIAL],
  ['Our allowable, incurred costs!', phrase, FULL],
  ['the allowable incurred costs plus a profit', phrase, PARTIAL],
  ['a fixed fee', phrase, NONE],
])('"%s" for %o scores %d', (given, expected, score) => {
  expect(grade(given, expected)).toBe(score);
});

test('a rollout that machinery broke has no advantage and no part in the baseline', () => {
  expect(advantages([1, 0, 0], ['valid', 'exclude', 'valid'])).toEqual([1, null, -1]);
  expect(advantages([1, 0, 0], ['valid', 'exclude', 'pending'])).toEqual([null, null, null]);
  expect(advantages([1, 1], ['valid', 'valid'])).toEqual([0, 0]);
});
