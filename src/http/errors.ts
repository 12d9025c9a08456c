import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { QueueRefusal } from '../admission/queue-refusal.ts';
import { JournalError } from '../journal/journal.ts';
import { DeadlineExceeded } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import { CONFLICT_TEXT, ENDED_TEXT, RETRY_AFTER_S, UNAVAILABLE_TEXT } from '../outcome/render.ts';
import { ConfigurationError } from '../policy/configuration-error.ts';
import { JobNotNamed, OtherTask, UnknownTask } from '../rollouts/registry.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ConflictingRepeat } from '../tools/call-answer.ts';

interface HttpErrorRow {
  readonly status: number;
  /** The message where the error has no detail of its own. A model may read it. */
  readonly sentence: string;
}

/** Every error reply. The README of this folder has the same table; a test compares them. */
export const httpErrors = {
  bad_json: { status: 400, sentence: 'The request body is not valid JSON.' },
  bad_request: { status: 400, sentence: 'The request does not match the schema of this route.' },
  unknown_task: { status: 400, sentence: 'No task of this name is configured.' },
  unauthorized: { status: 401, sentence: 'The bearer token is missing or wrong.' },
  unknown_route: { status: 404, sentence: 'There is no route with this method and path.' },
  unknown_rollout: { status: 404, sentence: 'There is no rollout with this id.' },
  unknown_call: { status: 404, sentence: 'The rollout has no call with this id.' },
  file_refused: { status: 404, sentence: 'The file could not be read or written.' },
  verdict_only: {
    status: 404,
    sentence:
      'Only the verdict of this rollout is kept here. Its calls are in the journal: faultline rollout ID.',
  },
  call_running: { status: 409, sentence: 'The call has not finished yet.' },
  job_not_named: {
    status: 409,
    sentence: 'Several jobs have a rollout of this id: name the job (X-Job-Id).',
  },
  other_task: { status: 409, sentence: 'The rollout was opened with another task.' },
  rollout_ended: { status: 410, sentence: ENDED_TEXT },
  too_large: { status: 413, sentence: 'The request body is larger than this route accepts.' },
  bad_media_type: { status: 415, sentence: 'The Content-Type header is malformed.' },
  conflicting_repeat: { status: 422, sentence: CONFLICT_TEXT },
  bad_configuration: {
    status: 422,
    sentence: 'The configuration files have mistakes. The configuration in force is unchanged.',
  },
  internal: {
    status: 500,
    sentence: 'Internal error. The server log has the details under the id in the x-request-id header.',
  },
  no_grader: { status: 501, sentence: 'No grader is configured: set FAULTLINE_GRADER_URL.' },
  grader_failed: { status: 502, sentence: 'The grader did not return a score.' },
  unavailable: { status: 503, sentence: UNAVAILABLE_TEXT },
  withheld: {
    status: 503,
    sentence: 'The rollout is not graded. GET /v1/rollouts/<id>/verdict gives the reasons.',
  },
  grader_timeout: { status: 504, sentence: 'The grader did not answer in time.' },
} as const satisfies Record<string, HttpErrorRow>;

export type HttpErrorCode = keyof typeof httpErrors;

/** The body of every error reply. */
export interface ErrorReply {
  readonly error: HttpErrorCode;
  readonly message: string;
}

/** Thrown by route code where the request can't be served; the error handler makes the reply. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: HttpErrorCode;

  constructor(code: HttpErrorCode, detail?: string) {
    super(detail ?? httpErrors[code].sentence);
    this.code = code;
  }
}

/** Fastify's own errors that a request can cause. An error that isn't listed is a bug of this server. */
const frameworkCodes: Readonly<Record<string, HttpErrorCode>> = {
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'bad_request',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_REQ_FILE_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'bad_media_type',
};

/** The coded error of any thrown value. */
export function codedError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof ConfigurationError) return new HttpError('bad_configuration', error.message);
  if (error instanceof UnknownTask) return new HttpError('unknown_task', error.message);
  if (error instanceof OtherTask) return new HttpError('other_task', error.message);
  if (error instanceof JobNotNamed) return new HttpError('job_not_named', error.message);
  if (error instanceof ConflictingRepeat) return new HttpError('conflicting_repeat');
  if (isOutage(error)) return new HttpError('unavailable');
  if (hasZodFastifySchemaValidationErrors(error)) return new HttpError('bad_request', fieldProblems(error));
  const { code } = error as Partial<FastifyError>;
  return new HttpError((code !== undefined ? frameworkCodes[code] : undefined) ?? 'internal');
}

/** A failure of the sandbox, the engine or the journal. It may pass, so the client may retry. */
function isOutage(error: unknown): boolean {
  return (
    error instanceof SandboxFault ||
    error instanceof QueueRefusal ||
    error instanceof DeadlineExceeded ||
    error instanceof JournalError
  );
}

/** Such as `body.trace_id: is empty`, one for each field that is wrong. */
function fieldProblems(error: FastifyError): string {
  const context = error.validationContext ?? 'request';
  const problems = (error.validation ?? []).map(({ instancePath, message }) => {
    const field = [context, ...instancePath.split('/').filter((part) => part !== '')].join('.');
    return `${field}: ${message ?? 'is not valid'}`;
  });
  return problems.join('; ');
}

/** The only place where a thrown value becomes a reply. Logs bugs and outages once; counts every error by its code. */
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

/** Sends an error reply with the headers of its status. */
export function sendError(reply: FastifyReply, code: HttpErrorCode, message?: string): void {
  const { status, sentence } = httpErrors[code];
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (status === 500) reply.header('x-request-id', reply.request.id);
  if (status === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER_S);
  const body: ErrorReply = { error: code, message: message ?? sentence };
  void reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body));
}
