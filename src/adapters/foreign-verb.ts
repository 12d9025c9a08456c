import { constants } from 'node:os';
import { z } from 'zod';
import type { CallId } from '../kernel/ids.ts';
import { UnreadValue } from '../kernel/unread-value.ts';
import { UNAVAILABLE_TEXT } from '../outcome/render.ts';
import { withoutStateNotice } from '../outcome/result.ts';
import type { Opening, Rollouts } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import type { CallAnswer, Requester } from '../tools/call-answer.ts';
import type { ToolCalls } from '../tools/call.ts';
import { toolbox } from '../tools/toolbox.ts';
import type { Transfers } from '../tools/transfer.ts';
import type { UnrecordedRuns } from '../tools/unrecorded-runs.ts';

/** A request in another project's form. */
export interface ForeignCall {
  readonly body: unknown;
  readonly opening: Opening;
  /** Idempotency key, where the project's clients send one. */
  readonly callId: CallId | null;
  readonly requester: Requester;
}

export interface ForeignReply {
  readonly status: number;
  /** Sent as JSON. */
  readonly body: unknown;
}

export type ForeignVerb = (call: ForeignCall) => Promise<ForeignReply>;

/** The parts that adapters use: the same calls and transfers as the platform's form. */
export interface AdapterParts {
  readonly rollouts: Pick<Rollouts, 'openRollout'>;
  readonly sandboxes: Pick<Sandboxes, 'ends'>;
  readonly calls: Pick<ToolCalls, 'runCall'>;
  readonly transfer: Transfers;
  readonly unrecorded: Pick<UnrecordedRuns, 'run'>;
}

/** A text that the model wrote. Any JSON value is taken: what is no text is the model's mistake. Absent: the client's. */
export const modelText = z.unknown().refine((value) => value !== undefined, 'Field required');

/** The text as the command of a shell call; a value that is none, as it is, so that the call is refused in words. */
export function commandOf(text: unknown, make: (text: string) => string): unknown {
  if (text instanceof UnreadValue) return text;
  return typeof text === 'string' ? make(text) : text;
}

/** A verb whose body is validated. A body that doesn't match is a 422 as FastAPI sends it, which both projects use. */
export function foreignVerb<Schema extends z.ZodType>(
  schema: Schema,
  serve: (request: z.output<Schema>, call: ForeignCall) => Promise<ForeignReply>,
): ForeignVerb {
  return async (call) => {
    const parsed = schema.safeParse(call.body);
    const unread = parsed.success ? null : unreadField(call.body);
    if (unread !== null) return detail(422, unread);
    return parsed.success ? await serve(parsed.data, call) : detail(422, z.prettifyError(parsed.error));
  };
}

function unreadField(body: unknown): string | null {
  const found = Object.entries(body ?? {}).find(([, value]) => value instanceof UnreadValue);
  return found === undefined ? null : `${found[0]} is ${(found[1] as UnreadValue).problem}`;
}

export const done = (body: unknown): ForeignReply => ({ status: 200, body });
export const detail = (status: number, text: string): ForeignReply => ({ status, body: { detail: text } });

/** The failure is not the model's. The same constant text as in every 503. */
export const unavailable = detail(503, UNAVAILABLE_TEXT);

/** The problem of a task without the `shell` tool, which the adapters need; null where the task has it. */
export function lacksShell({ task }: Rollout): string | null {
  return toolbox(task).has('shell') ? null : `the task "${task.name}" has no shell tool`;
}

/** The result of a shell call, for protocols that have no field for an outcome. */
export interface ShellRun {
  readonly stdout: string;
  readonly stderr: string;
  /** `stderr` of a program that ran beside the session: nothing is said of the session's state. */
  readonly stderrBeside: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Nothing ran: the model's arguments were refused, and `stdout` says why. */
  readonly refused: boolean;
  readonly durationMs: number;
}

const NOTHING = { stdout: '', stderr: '', exit_code: null, signal: null, notice: null, duration_ms: 0 };

/** @returns null where the failure is not the model's. */
export function shellRun({ status, result, outcome }: CallAnswer): ShellRun | null {
  if (status !== 200) return null;
  const { stdout, stderr, notice, exit_code, signal, duration_ms } = result ?? NOTHING;
  return {
    stdout,
    stderr: noticed(stderr, notice),
    stderrBeside: noticed(stderr, withoutStateNotice(notice)),
    exitCode: exit_code,
    signal,
    timedOut: outcome.cause === 'time_limit',
    refused: outcome.cause === 'bad_arguments' || outcome.cause === 'call_budget',
    durationMs: duration_ms,
  };
}

const noticed = (stderr: string, notice: string | null): string =>
  notice === null ? stderr : `${stderr}[${notice}]\n`;

/** The exit status in Python's form: the negative signal number for a process that a signal ended. */
export function processCode({ exitCode, signal }: ShellRun): number | null {
  return signal === null ? exitCode : -constants.signals[signal as NodeJS.Signals];
}

/** The exit status in the shell's form: 128 plus the signal number for a process that a signal ended. */
export function shellCode({ exitCode, signal }: ShellRun): number | null {
  return signal === null ? exitCode : 128 + constants.signals[signal as NodeJS.Signals];
}

/** A text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
