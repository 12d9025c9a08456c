import type { IncomingHttpHeaders } from 'node:http';
import type { JobId, RolloutId } from '../kernel/ids.ts';
import type { Standing } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { HttpError } from './errors.ts';
import type { HttpParts } from './parts.ts';
import { jobHeader } from './request-ids.ts';

/** The rollout of a request that needs its calls. @throws HttpError where there is none, or where only its verdict is kept */
export function heldRollout({ rollouts }: Pick<HttpParts, 'rollouts'>) {
  return (id: RolloutId, headers: IncomingHttpHeaders): Rollout => {
    const job = jobHeader(headers);
    const standing = rollouts.standing(id, job);
    const { rollout } = standing;
    if (rollout !== null && !rollout.hasForgottenCalls) return rollout;
    throw rollout === null ? absentRollout(standing, job) : new HttpError('verdict_only');
  };
}

/** Why a rollout is not held here. */
export function absentRollout(standing: Standing, job: JobId | undefined): HttpError {
  if (standing.why === 'job_not_named' && job === undefined) return new HttpError('job_not_named');
  return new HttpError(isUnseen(standing) ? 'unknown_rollout' : 'verdict_only');
}

/** Not even a verdict is kept. */
export const isUnseen = ({ rollout, verdict: { verdict } }: Standing): boolean =>
  rollout === null && (verdict === 'no_tool_call' || verdict === 'unknown');
