import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { UnreadValue } from '../kernel/unread-value.ts';
import { UNAVAILABLE_TEXT } from '../outcome/render.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import {
  commandOf, detail, done, foreignVerb, lacksShell, modelText, processCode, quoted, shellRun,
  type AdapterParts, type ForeignCall, type ForeignReply, type ShellRun,
} from './foreign-verb.ts'; // prettier-ignore
import type { TransferProblem } from '../tools/transfer.ts';
import { wholeFile } from './whole-file.ts';

/** File and program by language. Where the image lacks the program, the run ends with exit code 127. */
const languages = {
  python: { file: 'main.py', program: 'python3' },
  pytest: { file: 'test_main.py', program: 'pytest' },
  bash: { file: 'main.sh', program: 'bash' },
  perl: { file: 'main.pl', program: 'perl' },
} as const;

/** The request form of SandboxFusion's `POST /run_code`, with its defaults. Times are seconds. */
const runCodeForm = z.object({
  compile_timeout: z.number().default(10),
  run_timeout: z.number().positive().default(10),
  /** Limit of the address space; -1: only the sandbox's own memory limit. */
  memory_limit_MB: z.int().default(-1),
  code: modelText,
  stdin: z.string().nullish(),
  language: z.enum(Object.keys(languages) as [keyof typeof languages, ...(keyof typeof languages)[]]),
  /** Path to content in base64; a null is ignored, as in SandboxFusion. */
  files: z.record(z.string().min(1), z.base64().nullable()).default({}),
  fetch_files: z.array(z.string().min(1)).default([]),
});

/** Of all fetched files together: they are in memory until the reply is sent. */
const FETCHED_BYTES = 32 * 2 ** 20;

type RunCode = z.output<typeof runCodeForm>;

/**
 * `POST /run_code`: runs a program in a folder of its own, in a new sandbox unless the client names a rollout.
 *
 * @param options `once`: the rollout was made for this request alone, and ends with it.
 */
export function runCodeVerb(parts: AdapterParts) {
  const verb = foreignVerb(runCodeForm, (form, call) => runCode(parts, form, call));
  return async (call: ForeignCall, { once }: { readonly once: boolean }): Promise<ForeignReply> => {
    try {
      return await verb(call);
    } finally {
      if (once)
        await parts.sandboxes.ends.endRollout(await parts.rollouts.openRollout(call.opening), 'deleted');
    }
  };
}

async function runCode(parts: AdapterParts, form: RunCode, call: ForeignCall): Promise<ForeignReply> {
  const { opening, callId, requester } = call;
  const rollout = await parts.rollouts.openRollout(opening);
  const lacks = lacksShell(rollout);
  if (lacks !== null) return detail(400, lacks);
  const place = `/tmp/run-${placeName(rollout, call)}`;
  const code = writable(form.code);
  const put = typeof code === 'string' ? await putInputs(parts, { ...form, code }, call, place) : null;
  if (put?.status === 503) return sandboxError(call);
  // In a fresh sandbox the client's file names are at fault, later what the model did to the sandbox.
  if (put?.status === 404 && rollout.calls.size === 0) return detail(422, put.problem);
  const timeout_ms = Math.ceil(form.run_timeout * 1000);
  const command = commandOf(code, () => commandLine(form, place));
  const given = command instanceof UnreadValue ? command : { command, timeout_ms };
  const answer = await parts.calls.runCall({
    ...{ opening, callId, requester, tool: 'shell' },
    arguments: put?.status === 404 ? unwritten(put.problem) : given,
  });
  const run = shellRun(answer);
  if (run === null) return sandboxError(call);
  const { files, message } = await fetched(parts, form, call, `${place}/work`);
  return done({ ...runReply(run), message, files, ...about(call) });
}

/** Half of a surrogate pair has no bytes, so no file can hold it as it is. */
function writable(code: unknown): unknown {
  if (typeof code !== 'string' || code.isWellFormed()) return code;
  return unread('the code contains half of a surrogate pair, which is not a character', code);
}

const unread = (problem: string, value: string): UnreadValue =>
  new UnreadValue(problem, createHash('sha256').update(value).digest('hex'));

/** The same for a repeated request, so that its command is the same too. */
function placeName(rollout: Rollout, { callId }: ForeignCall): string {
  if (callId === null) return String(rollout.calls.size);
  return createHash('sha256').update(callId).digest('hex').slice(0, 16);
}

/** With exec, the shell never reports its working directory, so that of the rollout stays as it is. */
function commandLine({ language, memory_limit_MB: megabytes }: RunCode, place: string): string {
  const { file, program } = languages[language];
  const limit = megabytes > 0 ? `ulimit -v ${String(megabytes * 1024)}; ` : '';
  return `cd ${quoted(`${place}/work`)} && ${limit}exec ${program} ${file} <../stdin`;
}

/** Writes program, stdin and files; the first problem, or null. */
async function putInputs(
  { transfer }: AdapterParts,
  { code, ...form }: RunCode & { readonly code: string },
  { opening }: ForeignCall,
  place: string,
): Promise<TransferProblem | null> {
  const work = `${place}/work`;
  const inputs = new Map<string, Buffer>([
    ...Object.entries(form.files).flatMap(([name, content]): [string, Buffer][] =>
      content === null ? [] : [[posix.resolve(work, name), Buffer.from(content, 'base64')]],
    ),
    [`${work}/${languages[form.language].file}`, Buffer.from(code)],
    [`${place}/stdin`, Buffer.from(form.stdin ?? '')],
  ]);
  for (const [path, content] of inputs) {
    const put = await transfer.upload(opening, path, Readable.from([content]));
    if ('problem' in put) return { ...put, problem: `${path}: ${put.problem}` };
  }
  return null;
}

/** The program is not in the sandbox, because of what the model did there. */
function unwritten(problem: string): UnreadValue {
  return unread(`not in the sandbox: ${problem}`, problem);
}

function runReply(run: ShellRun) {
  const { stdout, stderrBeside: stderr, timedOut } = run;
  const code = processCode(run);
  return {
    status: timedOut || code !== 0 ? 'Failed' : 'Success',
    compile_result: null,
    run_result: {
      status: timedOut ? 'TimeLimitExceeded' : 'Finished',
      execution_time: run.durationMs / 1000,
      return_code: timedOut ? null : code,
      stdout,
      stderr,
    },
  };
}

/** The requested files that exist, as base64. The message names those that are too long. */
async function fetched(
  { transfer }: AdapterParts,
  { fetch_files: names }: RunCode,
  { opening }: ForeignCall,
  work: string,
): Promise<{ files: Record<string, string>; message: string }> {
  const files: [string, string][] = [];
  const tooLong: string[] = [];
  let left = FETCHED_BYTES;
  for (const name of new Set(names)) {
    const found = await wholeFile(transfer, opening, posix.resolve(work, name), left);
    if ('maxBytes' in found) tooLong.push(name);
    if (!Buffer.isBuffer(found)) continue;
    files.push([name, found.toString('base64')]);
    left -= found.length;
  }
  const rule = `fetch_files returns at most ${String(FETCHED_BYTES)} bytes in all`;
  const message = tooLong.length === 0 ? '' : `left out, because ${rule}: ${tooLong.join(', ')}`;
  return { files: Object.fromEntries(files), message };
}

/** SandboxFusion's reply where the failure is not the program's. */
function sandboxError(call: ForeignCall): ForeignReply {
  const nothing = { compile_result: null, run_result: null, files: {} };
  return done({ status: 'SandboxError', message: UNAVAILABLE_TEXT, ...nothing, ...about(call) });
}

/** SandboxFusion's field for the pod holds the rollout id here, so that a client can ask for the verdict. */
const about = ({ opening }: ForeignCall) => ({ executor_pod_name: opening.id });
