import { dirname } from 'node:path';
import { errorMessage } from '../kernel/errors.ts';
import type { Policy } from './schema.ts';
import { readSeccompProfile } from './seccomp.ts';
import type { YamlFile } from './yaml-file.ts';

/** The platform waits 10 minutes; a request is held 9½ at most, so that our own answer is the one it gets. */
export const REQUEST_HELD_MS = 570_000;
/** Kept free beside the command and one start of a sandbox: queueing, attribution, journal and reply. */
export const CALL_MARGIN_MS = 30_000;

/** What a policy's fields must be to each other. Findings go to `file.problems`. */
export function checkPolicy(policy: Policy, file: YamlFile): void {
  const { times, limits } = policy;
  if (times.call_default > times.call_max) file.add(['times', 'call_default'], 'is longer than call_max');
  const longest = REQUEST_HELD_MS - CALL_MARGIN_MS - times.sandbox_start;
  if (times.call_max > longest) {
    const reason = `the platform waits 10 minutes; with sandbox_start and margin at most ${seconds(longest)} remain`;
    file.add(['times', 'call_max'], reason);
  }
  if (times.rollout_idle > times.rollout_life)
    file.add(['times', 'rollout_idle'], 'is longer than rollout_life');
  if (limits.output_kept > limits.output_total)
    file.add(['limits', 'output_kept'], 'is more than output_total');
  if (policy.parallel_calls > 1 && policy.recovery === 'replay') {
    file.add(['recovery'], 'replay needs parallel_calls: 1, because parallel calls have no order to repeat');
  }
  if (policy.network !== 'none' && policy.recovery === 'replay') {
    file.add(
      ['recovery'],
      'replay needs network: none, because what went out over a network cannot be taken back',
    );
  }
  const filesInMemory = (limits.tmp ?? 0) + (limits.work ?? 0);
  if (filesInMemory >= limits.memory)
    file.add(['limits', 'memory'], 'is not more than tmp and work, which are files in memory');
  if (policy.seccomp !== 'engine') checkSeccomp(policy.seccomp, file);
}

function checkSeccomp(profile: string, file: YamlFile): void {
  try {
    readSeccompProfile(dirname(file.path), profile);
  } catch (error) {
    file.add(['seccomp'], `the profile can't be read: ${errorMessage(error)}`);
  }
}

const seconds = (ms: number): string => `${String(Math.max(0, Math.floor(ms / 1000)))}s`;
