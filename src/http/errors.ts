import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { JournalError } from '../journal/journal.ts';
import { DeadlineExceeded } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import { CONFLICT_TEXT, ENDED_TEXT, RETRY_AFTER_S, UNAVAILABLE_TEXT } from '../outcome/render.ts';
import { ConfigurationError } from '../policy/configuration-error.ts';
import { UnknownTask } from '../rollouts/registry.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ConflictingRepeat } from '../tools/call-answer.ts';

interface HttpErrorRow {
  readonly status: number;
  /** What the reply says where nothing more particular is known. A model may read it. */
  readonly sentence: string;
}

/** Every reply that is not what was asked for. The README of this folder lists the same rows; a test compares them. */
export const httpErrors = {
  bad_json: { status: 400, sentence: 'The body is not JSON.' },
  bad_request: { status: 400, sentence: 'The request does not have the form that the route takes.' },
  unknown_task: { status: 400, sentence: 'There is no such task.' },
  unauthorized: { status: 401, sentence: 'The bearer token is missing or wrong.' },
  unknown_route: { status: 404, sentence: 'There is no such route.' },
  unknown_rollout: { status: 404, sentence: 'There is no such rollout.' },
  unknown_call: { status: 404, sentence: 'The rollout has no such call.' },
  file_refused: { status: 404, sentence: 'The file could not be read or written.' },
  call_running: { status: 409, sentence: 'The call has no answer yet.' },
  rollout_ended: { status: 410, sentence: ENDED_TEXT },
  too_large: { status: 413, sentence: 'The body is larger than the route takes.' },
  bad_media_type: { status: 415, sentence: 'The Content-Type header is malformed.' },
  conflicting_repeat: { status: 422, sentence: CONFLICT_TEXT },
  bad_configuration: { status: 422, sentence: 'The configuration has mistakes; the one in force stays.' },
  internal: { status: 500, sentence: 'The server failed.' },
  no_grader: { status: 501, sentence: 'No grader is configured: set FAULTLINE_GRADER_URL.' },
  grader_failed: { status: 502, sentence: 'The grader gave no score.' },
  unavailable: { status: 503, sentence: UNAVAILABLE_TEXT },
  withheld: { status: 503, sentence: 'The rollout is not to be graded.' },
  grader_timeout: { status: 504, sentence: 'The grader did not answer in time.' },
} as const satisfies Record<string, HttpErrorRow>;

export type HttpErrorCode = keyof typeof httpErrors;

/** The body of every such reply. */
export interface ErrorReply {
  readonly error: HttpErrorCode;
  readonly message: string;
}

/** Thrown by route code for a fault of the request; the error handler turns it into the reply. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: HttpErrorCode;

  constructor(code: HttpErrorCode, detail?: string) {
    super(detail ?? httpErrors[code].sentence);
    this.code = code;
  }
}

/** Fastify's own errors that a request can cause. What isn't listed is a bug of ours. */
const frameworkCodes: Readonly<Record<string, HttpErrorCode>> = {
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'bad_request',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_REQ_FILE_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'bad_media_type',
};

/** Any thrown value as a coded error. */
export function codedError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof ConfigurationError) return new HttpError('bad_configuration', error.message);
  if (error instanceof UnknownTask) return new HttpError('unknown_task', error.message);
  if (error instanceof ConflictingRepeat) return new HttpError('conflicting_repeat');
  if (isOutage(error)) return new HttpError('unavailable');
  if (hasZodFastifySchemaValidationErrors(error)) return new HttpError('bad_request', fieldProblems(error));
  const { code } = error as Partial<FastifyError>;
  return new HttpError((code !== undefined ? frameworkCodes[code] : undefined) ?? 'internal');
}

/** Machinery that failed and may work again: below the file routes, or the journal under any route. */
function isOutage(error: unknown): boolean {
  return error instanceof SandboxFault || error instanceof DeadlineExceeded || error instanceof JournalError;
}

/** `body.trace_id: is empty`, one for each field that is wrong. */
function fieldProblems(error: FastifyError): string {
  const context = error.validationContext ?? 'request';
  const problems = (error.validation ?? []).map(({ instancePath, message }) => {
    const field = [context, ...instancePath.split('/').filter((part) => part !== '')].join('.');
    return `${field}: ${message ?? 'is wrong'}`;
  });
  return problems.join('; ');
}

/** The one place where a thrown value becomes a reply. A bug is logged here, once; a fault of the request is counted. */
export function errorHandler(parts: { readonly log: Log; readonly metrics: Metrics }) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const coded = codedError(error);
    const route = request.routeOptions.url ?? null;
    if (coded !== error && httpErrors[coded.code].status >= 500)
      parts.log.error({ request: request.id, route, err: error }, 'request failed');
    parts.metrics.requestRefused(coded.code);
    sendError(reply, coded.code, coded.message);
  };
}

/** Sends a coded error with the headers that belong to its status. */
export function sendError(reply: FastifyReply, code: HttpErrorCode, message?: string): void {
  const { status, sentence } = httpErrors[code];
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (status === 500) reply.header('x-request-id', reply.request.id);
  if (status === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER_S);
  const body: ErrorReply = { error: code, message: message ?? sentence };
  void reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body));
}
