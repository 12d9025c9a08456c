import { dirname } from 'node:path';
import { errorMessage } from '../kernel/errors.ts';
import type { Policy } from './schema.ts';
import { readSeccompProfile } from './seccomp.ts';
import type { YamlFile } from './yaml-file.ts';

/** The platform waits 10 minutes. A request is held for at most 9½, so that the platform gets our answer and no time-out. */
export const REQUEST_HELD_MS = 570_000;
/** Time of a request that is left for queueing, attribution, journal and reply, beside one sandbox start and the command. */
export const CALL_MARGIN_MS = 30_000;

/** The rules between the fields of one sandbox policy. Each broken rule is added to `file.problems`. */
export function checkPolicy(policy: Policy, file: YamlFile): void {
  const { times, limits } = policy;
  if (times.call_default > times.call_max) file.add(['times', 'call_default'], 'is longer than call_max');
  const longest = REQUEST_HELD_MS - CALL_MARGIN_MS - times.sandbox_start;
  if (times.call_max > longest) {
    const reason = `is too long: the platform waits 10 minutes, and beside sandbox_start at most ${seconds(longest)} remain`;
    file.add(['times', 'call_max'], reason);
  }
  if (times.rollout_idle > times.rollout_life)
    file.add(['times', 'rollout_idle'], 'is longer than rollout_life');
  if (limits.output_kept > limits.output_total)
    file.add(['limits', 'output_kept'], 'is more than output_total');
  if (policy.parallel_calls > 1 && policy.recovery === 'replay') {
    file.add(
      ['recovery'],
      'replay needs parallel_calls: 1, because parallel calls have no order in which to repeat them',
    );
  }
  if (policy.network !== 'none' && policy.recovery === 'replay') {
    file.add(
      ['recovery'],
      'replay needs network: none, because what was sent over a network cannot be taken back',
    );
  }
  const filesInMemory = (limits.tmp ?? 0) + (limits.work ?? 0);
  if (filesInMemory >= limits.memory)
    file.add(
      ['limits', 'memory'],
      'must be more than tmp and work together, because their files are in memory',
    );
  if (policy.seccomp !== 'engine') checkSeccomp(policy.seccomp, file);
}

function checkSeccomp(profile: string, file: YamlFile): void {
  try {
    readSeccompProfile(dirname(file.path), profile);
  } catch (error) {
    file.add(['seccomp'], `the profile cannot be read: ${errorMessage(error)}`);
  }
}

const seconds = (ms: number): string => `${String(Math.max(0, Math.floor(ms / 1000)))}s`;
