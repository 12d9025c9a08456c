import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { unzip, type AsyncUnzipOptions, type Unzipped } from 'fflate';
import type { z } from 'zod';
import type { CallId } from '../kernel/ids.ts';
import { errorCode } from '../kernel/errors.ts';
import { UnreadValue } from '../kernel/unread-value.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import {
  commandOf, detail, done, foreignVerb, lacksShell, processCode, quoted, shellCode, shellRun, unavailable,
  type AdapterParts, type ForeignCall, type ForeignReply, type ForeignVerb, type ShellRun,
} from './foreign-verb.ts'; // prettier-ignore
import {
  actionForm, closeSessionForm, commandForm, createSessionForm, readFileForm, uploadForm,
  writeFileForm,
} from './swe-rex-forms.ts'; // prettier-ignore
import {
  badSyntax, bothStreams, failedWith, fileProblem, noSession, noText, nonZero, observation, observed, raised, tooLong,
} from './swe-rex-replies.ts'; // prettier-ignore
import { openSessions, sessionCallId } from './swe-rex-sessions.ts';
import { wholeFile } from './whole-file.ts';

/** Limit of an uploaded folder, unpacked. A larger one is refused before it is unpacked. */
const UNZIPPED_BYTES = 512 * 2 ** 20;

/** Longest file that `read_file` returns: it is in memory until the reply is sent. */
const READ_BYTES = 32 * 2 ** 20;

/** Exit code of bash and dash for a command that they can't parse. Other programs use it too. */
const SYNTAX_ERROR = 2;

/** The endpoints of a SWE-ReX runtime server; each request names its rollout. The README lists what is not supported. */
export function sweRexVerbs(parts: AdapterParts): ReadonlyMap<string, ForeignVerb> {
  const runtime = new SweRexRuntime(parts);
  return new Map<string, ForeignVerb>([
    ['is_alive', (call) => runtime.isAlive(call)],
    ['create_session', foreignVerb(createSessionForm, (form, call) => runtime.createSession(form, call))],
    ['run_in_session', foreignVerb(actionForm, (form, call) => runtime.runInSession(form, call))],
    ['close_session', foreignVerb(closeSessionForm, (form, call) => runtime.closeSession(form, call))],
    ['execute', foreignVerb(commandForm, (form, call) => runtime.execute(form, call))],
    ['read_file', foreignVerb(readFileForm, (form, call) => runtime.readFile(form, call))],
    ['write_file', foreignVerb(writeFileForm, (form, call) => runtime.writeFile(form, call))],
    ['upload', foreignVerb(uploadForm, (form, call) => runtime.upload(form, call))],
    ['close', (call) => runtime.close(call)],
  ]);
}

class SweRexRuntime {
  readonly #parts: AdapterParts;

  constructor(parts: AdapterParts) {
    this.#parts = parts;
  }

  /** A displaced rollout is alive: its next call rebuilds the sandbox. */
  async isAlive({ opening }: ForeignCall): Promise<ForeignReply> {
    const { state } = await this.#parts.rollouts.openRollout(opening);
    const alive = state !== 'lost' && state !== 'ended';
    return done({ is_alive: alive, message: alive ? '' : `the rollout is ${state}` });
  }

  async createSession(form: z.output<typeof createSessionForm>, call: ForeignCall): Promise<ForeignReply> {
    const rollout = await this.#parts.rollouts.openRollout(call.opening);
    const open = openSessions(rollout);
    if (open.has(form.session)) return raised('SessionExistsError', `session ${form.session} already exists`);
    if (open.size > 0)
      return raised(
        'SwerexException',
        `only one session may be open at a time; open now: ${[...open].join(', ')}`,
      );
    const id = sessionCallId('open', form.session, call.callId);
    const command = form.startup_source.map((file) => `. ${quoted(file)}`).join('\n');
    return await this.#shell(rollout, call, id, `exec 2>&1\n${command}`, form.startup_timeout, (run) =>
      done({ output: bothStreams(run), session_type: 'bash' }),
    );
  }

  async runInSession(form: z.output<typeof actionForm>, call: ForeignCall): Promise<ForeignReply> {
    const rollout = await this.#parts.rollouts.openRollout(call.opening);
    if (!openSessions(rollout).has(form.session)) return noSession(form.session);
    // A command that reached its time limit has been ended already, with all processes that it started.
    if (form.action_type === 'bash_interrupt') return observation('', 0);
    if (form.is_interactive_command || form.is_interactive_quit || form.expect.length > 0)
      return raised(
        'SwerexException',
        'interactive programs are not supported: commands run without a terminal',
      );
    const { command, timeout } = form;
    const whole = commandOf(command, (text) => `exec 2>&1\n${text}`);
    return await this.#shell(rollout, call, call.callId, whole, timeout, async (run) => {
      const parsed = shellCode(run) !== SYNTAX_ERROR || typeof command !== 'string';
      const problem = parsed ? null : await this.#syntaxProblem(rollout, command);
      return problem ?? observed(form, run);
    });
  }

  /** Parses a command that ended with `SYNTAX_ERROR` once more, by `bash -n`; null where it parses. The README says why. */
  async #syntaxProblem(rollout: Rollout, command: string): Promise<ForeignReply | null> {
    const look = await this.#parts.unrecorded.run(rollout, `exec bash -n -c ${quoted(command)}`);
    return 'exit_code' in look && look.exit_code === SYNTAX_ERROR ? badSyntax(command, look) : null;
  }

  async closeSession(form: z.output<typeof closeSessionForm>, call: ForeignCall): Promise<ForeignReply> {
    const rollout = await this.#parts.rollouts.openRollout(call.opening);
    if (!openSessions(rollout).has(form.session)) return noSession(form.session);
    const id = sessionCallId('close', form.session, call.callId);
    return await this.#shell(rollout, call, id, 'cd /', null, () => done({ session_type: 'bash' }));
  }

  async execute(form: z.output<typeof commandForm>, call: ForeignCall): Promise<ForeignReply> {
    const rollout = await this.#parts.rollouts.openRollout(call.opening);
    return await this.#shell(rollout, call, call.callId, subprocess(form), form.timeout, (run) => {
      if (run.refused) return done({ stdout: run.stdout, stderr: run.stderr, exit_code: 1 });
      const exit_code = processCode(run);
      const { stdout, stderrBeside: stderr } = run;
      if (!form.check || exit_code === 0) return done({ stdout, stderr, exit_code });
      const streams = `Stdout:\n${JSON.stringify(stdout)}\nStderr:\n${JSON.stringify(stderr)}`;
      return nonZero(form, `${failedWith(form.command, exit_code)}. ${streams}`);
    });
  }

  async readFile(form: z.output<typeof readFileForm>, { opening }: ForeignCall): Promise<ForeignReply> {
    await this.#parts.rollouts.openRollout(opening);
    const { path } = form;
    if (typeof path !== 'string' || path === '') return noText('path', path);
    const bytes = await wholeFile(this.#parts.transfer, opening, path, READ_BYTES);
    if ('problem' in bytes) return fileProblem(bytes, path);
    if ('maxBytes' in bytes) return tooLong(path, bytes.maxBytes);
    try {
      const decoder = new TextDecoder(form.encoding ?? 'utf-8', {
        fatal: (form.errors ?? 'strict') === 'strict',
        ignoreBOM: true,
      });
      return done({ content: decoder.decode(bytes) });
    } catch (error) {
      // RangeError: an unknown encoding. TypeError: bytes that are not text in this encoding.
      if (error instanceof RangeError) return raised('builtins.LookupError', error.message);
      return raised('builtins.ValueError', `${path} is not ${form.encoding ?? 'utf-8'} text`);
    }
  }

  async writeFile(form: z.output<typeof writeFileForm>, call: ForeignCall): Promise<ForeignReply> {
    const { path, content } = form;
    if (typeof path !== 'string' || path === '') return noText('path', path);
    if (typeof content !== 'string' || !content.isWellFormed()) return noText('content', content);
    return (await this.#put(call, path, Buffer.from(content))) ?? done({});
  }

  async upload(form: z.output<typeof uploadForm>, call: ForeignCall): Promise<ForeignReply> {
    if (!form.unzip) return (await this.#put(call, form.target_path, form.file)) ?? done({});
    const files = await unzipped(form.file);
    if (files === null)
      return detail(
        413,
        `file: not a zip file, or larger than ${String(UNZIPPED_BYTES)} bytes when unpacked`,
      );
    for (const [name, content] of Object.entries(files)) {
      const path = posix.join(form.target_path, posix.join('/', name));
      const problem = await this.#put(call, path, content);
      if (problem !== null) return problem;
    }
    return done({});
  }

  async close({ opening }: ForeignCall): Promise<ForeignReply> {
    await this.#parts.sandboxes.ends.endRollout(await this.#parts.rollouts.openRollout(opening), 'deleted');
    return done({});
  }

  async #put({ opening }: ForeignCall, path: string, content: Uint8Array): Promise<ForeignReply | null> {
    const put = await this.#parts.transfer.upload(opening, path, Readable.from([content]));
    return 'problem' in put ? fileProblem(put, path) : null;
  }

  /** Runs one shell call. `reply` makes the reply unless the call reached its time limit or brought no result. Seconds. */
  async #shell(
    rollout: Rollout,
    { opening, requester }: ForeignCall,
    id: CallId | null,
    command: unknown,
    timeout: number | null,
    reply: (run: ShellRun) => ForeignReply | Promise<ForeignReply>,
  ): Promise<ForeignReply> {
    const lacks = lacksShell(rollout);
    if (lacks !== null) return detail(400, lacks);
    const limitMs = timeout === null ? rollout.task.policy.times.call_max : Math.ceil(timeout * 1000);
    const answer = await this.#parts.calls.runCall({
      opening,
      callId: id,
      tool: 'shell',
      arguments: command instanceof UnreadValue ? command : { command, timeout_ms: limitMs },
      requester,
    });
    const run = shellRun(answer);
    if (run === null) return answer.status === 410 ? detail(410, answer.output) : unavailable;
    if (!run.timedOut) return await reply(run);
    return raised('CommandTimeoutError', `timeout after ${String(limitMs / 1000)} seconds`);
  }
}

type Command = z.output<typeof commandForm>;

/** A command as `subprocess.run` takes it; a value that is none, as it is. With exec, it leaves the session's directory and variables as they are. */
function subprocess({ command, shell, env, cwd, merge_output_streams: merge }: Command): unknown {
  const argv: unknown = typeof command === 'string' ? [command] : command;
  if (!isArgv(argv)) return command;
  const words = (shell ? ['/bin/sh', '-c', ...argv] : argv).map(quoted).join(' ');
  const clean = env === null ? '' : `env -i ${assignments(env)} `;
  const place = cwd === null ? '' : `cd ${quoted(cwd)} && `;
  return `${place}exec ${clean}${words} </dev/null${merge ? ' 2>&1' : ''}`;
}

function isArgv(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string');
}

function assignments(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => quoted(`${name}=${value}`))
    .join(' ');
}

const inflate = promisify(
  (data: Uint8Array, options: AsyncUnzipOptions, settle: (error: Error | null, files: Unzipped) => void) => {
    unzip(data, options, settle);
  },
);

/** The files of a zip archive; null where it is not one, or larger than `UNZIPPED_BYTES`. */
async function unzipped(archive: Uint8Array): Promise<Unzipped | null> {
  let bytes = 0;
  try {
    const files = await inflate(archive, {
      filter: ({ name, originalSize }) => !name.endsWith('/') && (bytes += originalSize) <= UNZIPPED_BYTES,
    });
    return bytes > UNZIPPED_BYTES ? null : files;
  } catch (error) {
    if (typeof errorCode(error) === 'number') return null; // A FlateError.
    throw error;
  }
}
