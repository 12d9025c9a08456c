import { constants } from 'node:os';
import type { Unkept } from '../protocol/messages.ts';
import type { CauseCode, Outcome } from './causes.ts';

/** The result of a tool, in the form that every adapter shows. */
export interface ToolResult {
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
  /** From a fixed list; never suggests whether the rollout is excluded. */
  readonly notice: string | null;
  readonly duration_ms: number;
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** Splits a wait(2) status into exit code or signal name. */
export function waitResult(status: number): { exit_code: number | null; signal: string | null } {
  const signal = status & 0x7f;
  if (signal === 0) return { exit_code: (status >> 8) & 0xff, signal: null };
  return { exit_code: null, signal: signalNames.get(signal) ?? `signal ${String(signal)}` };
}

/** Limits that notices quote. */
export interface NoticeLimits {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly processes: number;
}

const seconds = (ms: number): string => `${String(ms / 1000)} s`;
const mebibytes = (bytes: number): string => `${String(Math.round(bytes / 2 ** 20))} MiB`;

/** The notice for the model on how the call ended, or null if the output is sufficient. Models are trained on these texts. */
export function noticeOf(outcome: Outcome, limits: NoticeLimits): string | null {
  const notices: Partial<Record<CauseCode, string>> = {
    time_limit: `timed out after ${seconds(limits.timeoutMs)}`,
    output_limit: 'stopped: too much output',
    memory_limit: `out of memory (limit ${mebibytes(limits.memoryBytes)})`,
    process_limit:
      outcome.executed === 'no'
        ? 'process limit reached by earlier processes; they were ended, the command did not run'
        : `process limit reached (limit ${String(limits.processes)})`,
    interpreter_ended: 'interpreter died; state reset',
    shell_removed: 'shell missing (removed earlier in this rollout)',
    python_removed: 'Python missing (removed earlier in this rollout)',
    shell_absent: 'this image has no shell',
    python_absent: 'this image has no Python 3',
    rollout_time: `${outcome.executed === 'no' ? 'not run' : 'stopped'}: this rollout has used up its time`,
    turn_wait: 'not run: earlier calls of this rollout took too long',
    sandbox_broken: 'the sandbox is gone: it ran out of memory',
    sandbox_died: 'the sandbox is gone',
    tool_unstartable: 'the tool could not be started',
  };
  return notices[outcome.cause] ?? null;
}

const UNKEPT_NOTICES = {
  state:
    'the shell ended before it could save its state: directory and exported variables are those from before this command',
  variables: 'exported variables could not be kept: those from before this command stand',
  directory: 'the directory that the shell was in is gone: the next call starts where this one did',
  'start-directory': 'the working directory is gone or cannot be entered: this command ran in a parent of it',
} as const satisfies Record<Exclude<Unkept['kind'], 'variable'>, string>;

/** State of the shell that the next call does not get, as notices for the model. */
export function unkeptNotices(unkept: readonly Unkept[]): string[] {
  const variables = unkept.filter(({ kind }) => kind === 'variable').map(({ name }) => name);
  const kinds = new Set<string>(unkept.map(({ kind }) => kind));
  const notices = Object.entries(UNKEPT_NOTICES).filter(([kind]) => kinds.has(kind));
  const tooLarge = `too large to be kept for later calls: exported ${variables.join(', ')}`;
  return [...(variables.length > 0 ? [tooLarge] : []), ...notices.map(([, notice]) => notice)];
}

const SEPARATOR = '; ';

/** Several notices as one; null where there is none. */
export function joinNotices(notices: readonly (string | null)[]): string | null {
  const said = notices.filter((text) => text !== null);
  return said.length === 0 ? null : said.join(SEPARATOR);
}

/** The notice of a program that ran beside the session, whose state nobody expects to last. */
export function withoutStateNotice(notice: string | null): string | null {
  const notices = notice?.split(SEPARATOR) ?? [];
  return joinNotices(notices.filter((text) => text !== UNKEPT_NOTICES.state));
}

export const ALTERED_NOTICE =
  'the arguments had lone surrogates, which are no text: each was replaced by U+FFFD';
