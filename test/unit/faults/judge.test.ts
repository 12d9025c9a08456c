import { expect, it } from 'vitest';
import type { CauseCode } from '../../../src/outcome/causes.ts';
import { judge, type Expectation } from '../../faults/judge.ts';
import type { SentCall } from '../../faults/member.ts';

const EXPECTED: Expectation = { takes_sandbox: false, transparent: 'expected', endings: [] };
const LOSING: Expectation = { takes_sandbox: true, transparent: 'possible', endings: ['sandbox_killed'] };

function sent(own: CauseCode, output: string | null): SentCall {
  const answer = { status: 200, output, body: '', fromJournal: false };
  const kind = { command: 'x', own: [own], ...(own === 'completed' ? { output: '{mark}\n' } : {}) };
  return { rollout: 'r', id: 'c', kind, fromMs: 0, untilMs: 1, answer };
}

it.each([
  ['a hit call answered all the same', 'completed', 'c\n', true, 'completed', EXPECTED, 'infra', 'ok', true],
  ['a hit call with another answer', 'completed', 'x\n', true, 'completed', EXPECTED, 'infra', 'wrong answer', false],
  ['a hit call charged to the model', 'completed', null, true, 'time_limit', LOSING, 'infra', 'model', false],
  ['a hit call excluded where it may be', 'completed', null, true, 'sandbox_killed', LOSING, 'infra', 'infra', true],
  ['a hit call excluded where it should be answered', 'completed', null, true, 'sandbox_killed', EXPECTED, 'infra', 'infra', false],
  ['an untouched call excluded', 'completed', null, false, 'sandbox_killed', LOSING, 'ok', 'infra', false],
  ["a model's own failure, excused", 'memory_limit', null, true, 'sandbox_killed', EXPECTED, 'model', 'infra', false],
  ["a model's own failure in a sandbox that was taken", 'memory_limit', null, true, 'sandbox_killed', LOSING, 'infra', 'infra', true],
  ["a model's own failure", 'memory_limit', null, true, 'memory_limit', EXPECTED, 'model', 'model', true],
] as const)('%s', (_name, own, output, hit, cause, expected, truth, verdict, right) => {
  expect(judge(sent(own, output), { hit, cause }, expected)).toMatchObject({ truth, verdict, right });
}); // prettier-ignore

it('a call without an ending is never right', () => {
  const unknown = judge(sent('completed', null), { hit: true, cause: null }, LOSING);
  expect(unknown).toMatchObject({ verdict: 'none', right: false });
});
