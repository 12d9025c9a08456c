import { constants } from 'node:os';
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
