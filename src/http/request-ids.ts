import type { IncomingHttpHeaders } from 'node:http';
import {
  callId,
  jobId,
  rolloutId,
  taskName,
  type CallId,
  type RolloutId,
  type TaskName,
} from '../kernel/ids.ts';
import { errorMessage } from '../kernel/errors.ts';
import type { Opening } from '../rollouts/registry.ts';
import { HttpError } from './errors.ts';

/** An id or the like from a header, or undefined where there is none. An empty header is none. */
export function headerId<Id>(
  headers: IncomingHttpHeaders,
  name: string,
  parse: (text: string) => Id,
): Id | undefined {
  const text = headers[name];
  if (typeof text !== 'string' || text === '') return undefined;
  try {
    return parse(text);
  } catch (error) {
    throw new HttpError('bad_request', `headers.${name}: ${errorMessage(error)}`);
  }
}

export const rolloutHeader = (headers: IncomingHttpHeaders): RolloutId | undefined =>
  headerId(headers, 'x-rollout-id', rolloutId);

export const idempotencyHeader = (headers: IncomingHttpHeaders): CallId | undefined =>
  headerId(headers, 'idempotency-key', callId);

/** What clients of other projects call their idempotency key. */
export const requestIdHeader = (headers: IncomingHttpHeaders): CallId | undefined =>
  headerId(headers, 'x-request-id', callId);

/** How a request opens its rollout, should it be the first of it. */
export function openingOf(
  id: RolloutId,
  headers: IncomingHttpHeaders,
  wish: { readonly task?: TaskName | undefined; readonly item?: unknown },
): Opening {
  const task = wish.task ?? headerId(headers, 'x-task', taskName);
  const job = headerId(headers, 'x-job-id', jobId);
  const item = wish.item ?? undefined; // A null stands for a field that isn't there.
  return { id, ...(task && { task }), ...(job && { job }), ...(item !== undefined && { item }) };
}

const HEADER_TEXT = /^[\x21-\x7e]+$/;

/** An id as a header may carry it: percent-encoded where it has characters that a header can't have. */
export function headerValue(id: string): string {
  return HEADER_TEXT.test(id) ? id : encodeURIComponent(id);
}
