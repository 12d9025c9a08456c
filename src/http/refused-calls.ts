import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RolloutId } from '../kernel/ids.ts';
import { codedError, httpErrors } from './errors.ts';
import type { HttpParts } from './parts.ts';

/**
 * Route hook: a call that the caller got wrong, and that names a rollout we know, excludes it. The model saw an error
 * that wasn't its own.
 */
export function noteRefusedCall({ rollouts, calls }: Pick<HttpParts, 'rollouts' | 'calls'>) {
  return async (request: FastifyRequest, _reply: FastifyReply, error: unknown): Promise<void> => {
    const { status } = httpErrors[codedError(error).code];
    if (status !== 400 && status !== 413 && status !== 415) return;
    const rollout = rollouts.get(namedRollout(request) as RolloutId);
    if (rollout !== undefined) await calls.refuseCall(rollout, 'bad_request');
  };
}

/** As the request gives it, wherever it stands; nothing about the request need be well-formed. */
function namedRollout({ params, body, headers }: FastifyRequest): unknown {
  const inPath = (params as { rollout?: unknown } | undefined)?.rollout;
  const inBody = (body as { trace_id?: unknown } | null | undefined)?.trace_id;
  return inPath ?? inBody ?? headers['x-rollout-id'];
}
