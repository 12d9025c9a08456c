import { DeadlineExceeded, type Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import type { FaultCode } from '../../outcome/evidence.ts';
import { SandboxFault } from '../sandbox.ts';

/** What was asked of the engine. The same status means another thing on another request. */
export type Operation =
  | 'create' | 'start' | 'attach' | 'inspect' | 'list' | 'remove' | 'ping' | 'prepare' | 'pull'; // prettier-ignore

const UNREACHABLE = new Set([
  'ECONNREFUSED', 'ENOENT', 'EPIPE', 'ECONNRESET', 'ECONNABORTED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH',
  'ENOTFOUND', 'EAI_AGAIN', 'EACCES',
]); // prettier-ignore

/**
 * Signs that the image's own file tree or metadata can't hold a container, in the engine's words. The entrypoint
 * is never the image's (it is sandboxd, on our volume), so a missing or unrunnable entrypoint is ours.
 */
const BROKEN_IMAGE = [
  /image operating system "[^"]*" cannot be used on this platform/,
  /does not match the (specified|detected host) platform/,
  /^(\(HTTP code \d+\) [^-]* - )?Cannot mkdir: .* is not a directory/,
  /\/merged\/[^\n]*(: not a directory|is not directory)/,
  /Are you trying to mount a directory onto a file/,
  /chdir to cwd[^\n]*(not a directory|no such file|permission denied)/i,
];

/** A registry's own no, which no second try changes. In an answer, or in the stream of a pull that had begun. */
const REGISTRY_SAYS_NO = [
  /manifest unknown|manifest for \S+ not found|no matching manifest/,
  /name unknown|repository \S+ not found|repository does not exist/,
  /pull access denied|unauthorized: |denied: |no basic auth credentials/,
  /invalid reference format/,
];

/** sandboxd in an error's words: then everything else in it is about our binary, not about the image. */
const OUR_ENTRYPOINT = /\/\.faultline\/sandboxd/;

/** The overlay with sandboxd's files could not be mounted: the volume below it is gone. */
const OUR_OVERLAY = /failed to mount local volume: mount overlay:/;

interface ApiError {
  readonly statusCode: number | null;
  readonly systemCode: string | null;
  readonly message: string;
}

/**
 * The one place that knows what the engine's errors mean. Pure; says nothing of `executed`, since no command of
 * a model is ever started by an engine request.
 *
 * Limits: the engine has no machine-readable reasons, so texts are matched. What is not known is `engine_error`,
 * which is infrastructure and tried again: a new way in which an image can be broken is retried in vain before
 * it shows, but never charged to anybody.
 */
export function dockerFault(operation: Operation, error: unknown): SandboxFault {
  if (error instanceof SandboxFault) return error;
  const code = classify(operation, error);
  return new SandboxFault(code, `${operation}: ${errorMessage(error).trim()}`, { cause: error });
}

/** The same for all that a start consists of: before the sandbox was ever anybody's, nothing can be `lost`. */
export function startFault(error: unknown, deadline: Deadline): SandboxFault {
  const fault = dockerFault('start', error);
  if (fault.code === 'image_missing' || fault.code === 'image_broken') return fault;
  if (deadline.expired) return new SandboxFault('start_timeout', fault.message, { cause: fault });
  if (fault.code !== 'lost' && fault.code !== 'agent_silent') return fault;
  return new SandboxFault('engine_error', `not ready: ${fault.message}`, { cause: fault });
}

function classify(operation: Operation, error: unknown): FaultCode {
  if (error instanceof DeadlineExceeded) {
    return error.clockName === 'sandbox_start' ? 'start_timeout' : 'engine_down';
  }
  const { statusCode, systemCode, message } = read(error);
  if (operation === 'pull' && REGISTRY_SAYS_NO.some((sign) => sign.test(message))) return 'image_missing';
  if (statusCode === null) return unreachable(systemCode, message) ? 'engine_down' : 'engine_error';
  if (statusCode === 404) return notFound(operation, message);
  if (operation === 'create' || operation === 'start') {
    if (/invalid reference format/.test(message)) return 'image_missing';
    if (imageIsBroken(message)) return 'image_broken';
  }
  return 'engine_error';
}

/** Whether a start failed because sandboxd is not on its volume (pruned by somebody, or filled in part). */
export function sandboxdIsMissing(error: unknown): boolean {
  const message = errorMessage(error);
  return (OUR_ENTRYPOINT.test(message) || OUR_OVERLAY.test(message)) && /no such file/i.test(message);
}

/** Removing what is gone, or what somebody else is removing now, has succeeded. */
export function isGone(error: unknown): boolean {
  const { statusCode, message } = read(error);
  return (
    statusCode === 404 ||
    (statusCode === 409 && /removal of container .* is already in progress/i.test(message))
  );
}

/** The thing asked for does not exist. */
export function isNotFound(error: unknown): boolean {
  return read(error).statusCode === 404;
}

function notFound(operation: Operation, message: string): FaultCode {
  if (operation === 'create') return /no such image/i.test(message) ? 'image_missing' : 'engine_error';
  if (operation === 'attach' || operation === 'inspect') return 'lost';
  return 'engine_error';
}

function imageIsBroken(message: string): boolean {
  return (
    !OUR_ENTRYPOINT.test(message) &&
    !OUR_OVERLAY.test(message) &&
    BROKEN_IMAGE.some((sign) => sign.test(message))
  );
}

function unreachable(systemCode: string | null, message: string): boolean {
  return (systemCode !== null && UNREACHABLE.has(systemCode)) || /socket hang up/.test(message);
}

function read(error: unknown): ApiError {
  const fields: Partial<Record<'statusCode' | 'code', unknown>> =
    typeof error === 'object' && error !== null ? error : {};
  return {
    statusCode: typeof fields.statusCode === 'number' ? fields.statusCode : null,
    systemCode: typeof fields.code === 'string' ? fields.code : null,
    message: errorMessage(error),
  };
}
