import { attribute } from '../../../src/outcome/attribute.ts';
import { causes } from '../../../src/outcome/causes.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { RULES } from '../../../src/outcome/rules.ts';

/** Lines of a journal about one rollout, as a server of these rules writes them unless changed. */

export const at = '2026-06-01T00:00:00.000Z';
export const KILLED = {
  kind: 'sandbox_lost',
  fault: 'lost',
  executed: 'unknown',
  postMortem: {
    ...{ container: 'exited', foreignKill: true, foreignPause: false, oomFlag: false },
    ...{ evidenceGap: false, engineDisturbed: false },
  },
} as const satisfies Evidence;
export const REFUSED = { kind: 'refused', reason: 'bad_arguments' } as const satisfies Evidence;

type Line = Record<string, unknown>;

export const opened = (rollout = 'r'): Line => ({
  ...{ at, type: 'rollout_opened', rollout, task: 'swe', image: 'base', policy: 'default', job: 'j' },
});
export const finished = (call: string, evidence: Evidence, change: Line = {}): Line => {
  const outcome = attribute(evidence);
  return {
    ...{ at, type: 'call_finished', rollout: 'r', call, tool: 'shell', number: null, argumentsSha256: 'f' },
    ...{ outcome, rules: RULES, evidence, status: causes[outcome.cause].status, output: '', result: null },
    ...{ durationMs: 1, ...change },
  };
};
export const lost = (evidence: Evidence, change: Line = {}): Line => ({
  ...{
    at,
    type: 'rollout_lost',
    rollout: 'r',
    cause: attribute(evidence).cause,
    evidence,
    rules: RULES,
    ...change,
  },
});
export const ended = (verdict: string, reasons: readonly string[] = []): Line => ({
  ...{ at, type: 'rollout_ended', rollout: 'r', how: 'deleted', verdict, reasons, counts: {} },
});
export const graded = (verdict: string, reasons: readonly string[] = []): Line => ({
  ...{ at, type: 'graded', rollout: 'r', job: 'j', row: 'row-1', verdict, reasons, ending: 'scored' },
  ...{ score: 1, tries: 1, durationMs: 1 },
});
export const WRONG = { attribution: 'ok', cause: 'completed', executed: 'yes' };
