import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { UNAVAILABLE_TEXT } from '../outcome/render.ts';
import {
  detail, done, foreignVerb, lacksShell, processCode, quoted, shellRun,
  type AdapterParts, type ForeignCall, type ForeignReply, type ShellRun,
} from './foreign-verb.ts'; // prettier-ignore

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
  code: z.string(),
  stdin: z.string().nullish(),
  language: z.enum(Object.keys(languages) as [keyof typeof languages, ...(keyof typeof languages)[]]),
  /** Path to content in base64; a null is ignored, as in SandboxFusion. */
  files: z.record(z.string().min(1), z.base64().nullable()).default({}),
  fetch_files: z.array(z.string().min(1)).default([]),
});

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
  const { opening } = call;
  const rollout = await parts.rollouts.openRollout(opening);
  const lacks = lacksShell(rollout);
  if (lacks !== null) return detail(400, lacks);
  const place = `/tmp/run-${String(rollout.calls.size)}`;
  const work = `${place}/work`;
  const { file, program } = languages[form.language];
  const inputs = new Map<string, Buffer>([
    ...Object.entries(form.files).flatMap(([name, content]): [string, Buffer][] =>
      content === null ? [] : [[posix.resolve(work, name), Buffer.from(content, 'base64')]],
    ),
    [`${work}/${file}`, Buffer.from(form.code)],
    [`${place}/stdin`, Buffer.from(form.stdin ?? '')],
  ]);
  for (const [path, content] of inputs) {
    const put = await parts.transfer.upload(opening, path, Readable.from([content]));
    if ('problem' in put)
      return put.status === 404 ? detail(422, `${path}: ${put.problem}`) : sandboxError(call);
  }
  const limit = form.memory_limit_MB > 0 ? `ulimit -v ${String(form.memory_limit_MB * 1024)}; ` : '';
  const answer = await parts.calls.runCall({
    opening,
    callId: call.callId,
    tool: 'shell',
    arguments: {
      // With exec, the shell never reports its working directory, so that of the rollout stays as it is.
      command: `cd ${quoted(work)} && ${limit}exec ${program} ${file} <../stdin`,
      timeout_ms: Math.ceil(form.run_timeout * 1000),
    },
    gone: call.gone,
  });
  const run = shellRun(answer);
  if (run === null) return sandboxError(call);
  return done({ ...runReply(run), files: await fetched(parts, form, call, work), ...about(call) });
}

function runReply(run: ShellRun) {
  const { stdout, stderr, timedOut } = run;
  const code = processCode(run);
  return {
    status: timedOut || code !== 0 ? 'Failed' : 'Success',
    message: '',
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

/** The requested files that exist, as base64. */
async function fetched(
  { transfer }: AdapterParts,
  { fetch_files: names }: RunCode,
  { opening }: ForeignCall,
  work: string,
): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of names) {
    const found = await transfer.download(opening, posix.resolve(work, name));
    if ('problem' in found) continue;
    files[name] = Buffer.concat((await found.body.toArray()) as Uint8Array[]).toString('base64');
  }
  return files;
}

/** SandboxFusion's reply where the failure is not the program's. */
function sandboxError(call: ForeignCall): ForeignReply {
  const nothing = { compile_result: null, run_result: null, files: {} };
  return done({ status: 'SandboxError', message: UNAVAILABLE_TEXT, ...nothing, ...about(call) });
}

/** SandboxFusion's field for the pod holds the rollout id here, so that a client can ask for the verdict. */
const about = ({ opening }: ForeignCall) => ({ executor_pod_name: opening.id });
