import type { FastifyReply, FastifyRequest } from 'fastify';
import { idProblem, jobId, rolloutId } from '../kernel/ids.ts';
import { codedError, httpErrors } from './errors.ts';
import type { HttpParts } from './parts.ts';

/**
 * Route hook: a malformed call that names a known rollout excludes that rollout, because the model saw an error that
 * the client caused.
 */
export function noteRefusedCall({ rollouts, calls }: Pick<HttpParts, 'rollouts' | 'calls'>) {
  return async (request: FastifyRequest, _reply: FastifyReply, error: unknown): Promise<void> => {
    if (request.raw.readableAborted) return; // The client broke off: nobody saw an error.
    const { status } = httpErrors[codedError(error).code];
    if (status !== 400 && status !== 409 && status !== 413 && status !== 415) return;
    const id = namedRollout(request);
    const job = request.headers['x-job-id'] ?? '';
    if (!isId(id) || (job !== '' && !isId(job))) return;
    const rollout = rollouts.get(rolloutId(id), job === '' ? undefined : jobId(job));
    if (rollout !== undefined) await calls.refuseCall(rollout, 'bad_request');
  };
}

const isId = (value: unknown): value is string => typeof value === 'string' && idProblem(value) === null;

/** The rollout id of the path, the body or the header. The request may be malformed, so nothing is validated. */
function namedRollout({ params, body, headers }: FastifyRequest): unknown {
  const inPath = (params as { rollout?: unknown } | undefined)?.rollout;
  const inBody = (body as { trace_id?: unknown } | null | undefined)?.trace_id;
  return inPath ?? inBody ?? headers['x-rollout-id'];
}
