import { DeadlineExceeded, type Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import type { FaultCode } from '../../outcome/evidence.ts';
import { SandboxFault } from '../sandbox.ts';

/** The kind of request to the engine. The meaning of a status code depends on it. */
export type Operation =
  | 'create' | 'start' | 'attach' | 'inspect' | 'list' | 'remove' | 'ping' | 'prepare' | 'pull'; // prettier-ignore

const UNREACHABLE = new Set([
  'ECONNREFUSED', 'ENOENT', 'EPIPE', 'ECONNRESET', 'ECONNABORTED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH',
  'ENOTFOUND', 'EAI_AGAIN', 'EACCES',
]); // prettier-ignore

/**
 * Engine messages that mean that a container can't run on the image's file tree or metadata. The entrypoint is sandboxd,
 * on our volume, never a file of the image. So a missing or unrunnable entrypoint is not the image's error.
 */
const BROKEN_IMAGE = [
  /image operating system "[^"]*" cannot be used on this platform/,
  /does not match the (specified|detected host) platform/,
  /^(\(HTTP code \d+\) [^-]* - )?Cannot mkdir: .* is not a directory/,
  /\/merged\/[^\n]*(: not a directory|is not directory)/,
  /Are you trying to mount a directory onto a file/,
  /chdir to cwd[^\n]*(not a directory|no such file|permission denied)/i,
];

/** Final refusals of a registry: a retry gets the same. Sent as the answer, or in the stream of a pull under way. */
const REGISTRY_REFUSED = [
  /manifest unknown|manifest for \S+ not found|no matching manifest/,
  /name unknown|repository \S+ not found|repository does not exist/,
  /pull access denied|unauthorized: |denied: |no basic auth credentials/,
  /invalid reference format/,
];

/** A message with this path is about our binary, not about the image. */
const OUR_ENTRYPOINT = /\/\.faultline\/sandboxd/;

/** The engine could not mount the overlay with sandboxd's files: the volume below it is gone. */
const OUR_OVERLAY = /failed to mount local volume: mount overlay:/;

interface ApiError {
  readonly statusCode: number | null;
  readonly systemCode: string | null;
  readonly message: string;
}

/**
 * The only classifier of the engine's errors. Pure. It does not set `executed`, since no engine request starts a command
 * of the model.
 *
 * Limits: the engine gives no machine-readable reasons, so messages are matched. An unknown message is `engine_error`:
 * attributed to infrastructure and retried. For an unknown kind of broken image the worst case is a useless retry; the
 * failure is never attributed to the model.
 */
export function dockerFault(operation: Operation, error: unknown): SandboxFault {
  if (error instanceof SandboxFault) return error;
  const code = classify(operation, error);
  return new SandboxFault(code, `${operation}: ${errorMessage(error).trim()}`, { cause: error });
}

/** The fault of any step of a start. Never `lost`: the sandbox did not belong to a rollout yet. */
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
  if (operation === 'pull' && REGISTRY_REFUSED.some((sign) => sign.test(message))) return 'image_missing';
  if (statusCode === null) return unreachable(systemCode, message) ? 'engine_down' : 'engine_error';
  if (statusCode === 404) return notFound(operation, message);
  if (operation === 'create' || operation === 'start') {
    if (/invalid reference format/.test(message)) return 'image_missing';
    if (imageIsBroken(message)) return 'image_broken';
  }
  return 'engine_error';
}

/** Whether a start failed because sandboxd is not on its volume (somebody pruned it, or it was filled in part). */
export function sandboxdIsMissing(error: unknown): boolean {
  const message = errorMessage(error);
  return (OUR_ENTRYPOINT.test(message) || OUR_OVERLAY.test(message)) && /no such file/i.test(message);
}

/** A removal has succeeded where the container is gone already, or another removal of it is under way. */
export function isGone(error: unknown): boolean {
  const { statusCode, message } = read(error);
  return (
    statusCode === 404 ||
    (statusCode === 409 && /removal of container .* is already in progress/i.test(message))
  );
}

/** The object of the request does not exist. */
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
