import type { IncomingHttpHeaders } from 'node:http';
import {
  callId,
  jobId,
  rolloutId,
  rolloutIdProblem,
  taskName,
  type CallId,
  type JobId,
  type RolloutId,
  type TaskName,
} from '../kernel/ids.ts';
import { errorMessage } from '../kernel/errors.ts';
import type { Opening } from '../rollouts/registry.ts';
import { HttpError } from './errors.ts';

/** A parsed header; undefined where it is missing or empty. @throws HttpError that names the header. */
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
  headerId(headers, 'x-rollout-id', parseRolloutId);

/** @throws RangeError that names the problem. */
export function parseRolloutId(text: string): RolloutId {
  const problem = rolloutIdProblem(text);
  if (problem !== null) throw new RangeError(problem);
  return rolloutId(text);
}

export const jobHeader = (headers: IncomingHttpHeaders): JobId | undefined =>
  headerId(headers, 'x-job-id', jobId);

export const idempotencyHeader = (headers: IncomingHttpHeaders): CallId | undefined =>
  headerId(headers, 'idempotency-key', callId);

/** The idempotency key of other projects' clients. */
export const requestIdHeader = (headers: IncomingHttpHeaders): CallId | undefined =>
  headerId(headers, 'x-request-id', callId);

/** How the rollout is opened if this request is its first. */
export function openingOf(
  id: RolloutId,
  headers: IncomingHttpHeaders,
  given: { readonly task?: TaskName | undefined; readonly item?: unknown },
): Opening {
  const task = given.task ?? headerId(headers, 'x-task', taskName);
  const job = jobHeader(headers);
  const item = given.item ?? undefined; // A null counts as absent.
  return { id, ...(task && { task }), ...(job && { job }), ...(item !== undefined && { item }) };
}

const HEADER_TEXT = /^[\x21-\x7e]+$/;

/** An id as a header value: percent-encoded where it has characters that a header can't contain. */
export function headerValue(id: string): string {
  return HEADER_TEXT.test(id) ? id : encodeURIComponent(id);
}
