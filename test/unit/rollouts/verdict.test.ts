import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causes, type CauseCode } from '../../../src/outcome/causes.ts';
import { verdictOf } from '../../../src/rollouts/verdict.ts';

const codes = Object.keys(causes) as CauseCode[];
const anyCalls = fc.array(
  fc.record({ cause: fc.option(fc.constantFrom(...codes)), recovered: fc.boolean() }),
);
const judged = (causes: (CauseCode | null)[]) => causes.map((cause) => ({ cause, recovered: false }));

describe('verdict', () => {
  it('counts add up, whatever happened', () => {
    fc.assert(
      fc.property(anyCalls, (calls) => {
        const {
          calls: all,
          pending,
          ok,
          model,
          recovered,
          infra,
          task,
          client,
          undetermined,
        } = verdictOf(calls, null, 0).counts;
        expect(pending + ok + model + recovered + infra + task + client + undetermined).toBe(all);
        expect(all).toBe(calls.length);
      }),
    );
  });

  it.each<[string, (CauseCode | null)[], CauseCode | null, string]>([
    ['no call at all', [], null, 'valid'],
    ['ordinary calls', ['completed', 'completed'], null, 'valid'],
    ['a model that broke things', ['memory_limit', 'sandbox_broken'], 'sandbox_broken', 'valid'],
    ['an ending nobody can explain, evidence complete', ['sandbox_died'], 'sandbox_died', 'valid'],
    ['an ending with our evidence down', ['blind'], 'blind', 'exclude'],
    ['infrastructure', ['completed', 'engine_down'], null, 'exclude'],
    ['a sandbox killed between calls', ['completed'], 'sandbox_killed', 'exclude'],
    ['a task without its image', ['image_missing'], null, 'exclude'],
    ['a caller who reused an id', ['completed', 'conflicting_repeat'], null, 'exclude'],
    ['a call under way', ['completed', null], null, 'pending'],
    ['infrastructure before a call under way', ['engine_down', null], null, 'exclude'],
    ['calls after an orderly end', ['completed', 'rollout_ended'], null, 'valid'],
  ])('%s', (_what, calls, end, expected) => {
    expect(verdictOf(judged(calls), end, 0).verdict).toBe(expected);
  });

  it('names a replay, and counts the call it saved apart', () => {
    const calls = [...judged(['completed']), { cause: 'time_limit', recovered: true } as const];
    expect(verdictOf(calls, null, 1)).toMatchObject({
      verdict: 'valid',
      recovered: 'replay',
      counts: { calls: 2, ok: 1, model: 0, recovered: 1 },
    });
  });
});
