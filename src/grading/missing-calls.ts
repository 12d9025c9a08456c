import { callId, idProblem } from '../kernel/ids.ts';
import type { Standing } from '../rollouts/registry.ts';
import { sampleCalls, type SampleCall, type ToolNames } from './sample-calls.ts';

/**
 * How many calls of our tools the platform recorded that never arrived here. Where ids of the sample are among the recorded
 * ones, by id; else by number, since some platforms number the calls of the sample otherwise.
 */
export function missingCalls(sample: unknown, ours: ToolNames, standing: Standing): number {
  const told = sampleCalls(sample, ours);
  if (told.length === 0) return 0;
  const recorded = standing.rollout?.calls;
  const missing = told.filter((call) => !isRecorded(call, recorded));
  const sameIds = missing.length < told.length;
  return sameIds ? missing.length : Math.max(0, told.length - standing.verdict.counts.calls);
}

function isRecorded({ callId: id }: SampleCall, recorded?: ReadonlyMap<string, unknown>): boolean {
  return id !== null && idProblem(id) === null && recorded?.has(callId(id)) === true;
}
