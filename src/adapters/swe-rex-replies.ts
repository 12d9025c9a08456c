import type { z } from 'zod';
import { UnreadValue } from '../kernel/unread-value.ts';
import type { TransferProblem } from '../tools/transfer.ts';
import { detail, done, shellCode, unavailable, type ForeignReply, type ShellRun } from './foreign-verb.ts';
import type { bashActionForm } from './swe-rex-forms.ts';

type BashAction = z.output<typeof bashActionForm>;

export function observed(form: BashAction, run: ShellRun): ForeignReply {
  if (run.refused) return observation(bothStreams(run), 1);
  const output = bothStreams(run);
  const code = shellCode(run);
  if (form.check === 'ignore') return observation(output, null);
  if (form.check === 'silent' || code === 0) return observation(output, code);
  const quoted = `Here is the output:\n${JSON.stringify(output)}`;
  return nonZero(form, `${failedWith(form.command, code)}. ${quoted}`);
}

export function observation(output: string, exitCode: number | null): ForeignReply {
  return done({ output, exit_code: exitCode, failure_reason: '', expect_string: '', session_type: 'bash' });
}

export const bothStreams = ({ stdout, stderr }: ShellRun): string => stdout + stderr;

/** An exception that SWE-ReX's client raises on its side. */
export function raised(name: string, message: string, extra_info: object = {}): ForeignReply {
  const class_path = name.includes('.') ? name : `swerex.exceptions.${name}`;
  return { status: 511, body: { swerexception: { message, class_path, traceback: '', extra_info } } };
}

export function badSyntax(
  command: string,
  { stdout, stderr }: Pick<ShellRun, 'stdout' | 'stderr'>,
): ForeignReply {
  const text = `Error (exit code 2) while checking bash command\n${JSON.stringify(command)}\n${stderr}${stdout}`;
  return raised('BashIncorrectSyntaxError', text, { bash_stdout: stdout, bash_stderr: stderr });
}

export function nonZero({ error_msg: prefix }: { error_msg: string }, text: string): ForeignReply {
  return raised('NonZeroExitCodeError', prefix === '' ? text : `${prefix}: ${text}`);
}

export function failedWith(command: unknown, code: number | null): string {
  return `Command ${JSON.stringify(command)} failed with exit code ${String(code)}`;
}

export function noSession(name: string): ForeignReply {
  return raised('SessionDoesNotExistError', `session '${name}' does not exist`);
}

export function tooLong(path: string, maxBytes: number): ForeignReply {
  const other = 'GET /v1/rollouts/<id>/files?path= has no limit';
  return raised('builtins.OSError', `file larger than ${String(maxBytes)} bytes (${other}): '${path}'`);
}

/** The model wrote something else than a text, or one that has no bytes. */
export function noText(field: string, value: unknown): ForeignReply {
  const problem =
    value instanceof UnreadValue ? `is ${value.problem}` : 'is no text, or an empty or broken one';
  return raised('builtins.ValueError', `${field} ${problem}`);
}

export function fileProblem({ status, problem }: TransferProblem, path: string): ForeignReply {
  if (status === 503) return unavailable;
  if (status === 410) return detail(410, problem);
  const missing = /no such file/i.test(problem);
  return raised(missing ? 'builtins.FileNotFoundError' : 'builtins.OSError', `${problem}: '${path}'`);
}
