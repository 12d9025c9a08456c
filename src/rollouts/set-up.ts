import { Readable } from 'node:stream';
import { decodeOutput } from '../outcome/text.ts';
import type { Task } from '../policy/schema.ts';
import type { CallLimits, Ending, StartFailure } from '../protocol/messages.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { FileRefused, putFile, type FileOwner } from './upload.ts';

/** Output of a set-up command that is kept, for operators. */
const OUTPUT_BYTES = 16 * 1024;
/** Characters of a failed command's last output that the error quotes. */
const QUOTED = 400;

/** A file or command of the set-up failed: the task's fault, before any model command ran. */
export class SetupFailed extends Error {
  override readonly name = 'SetupFailed';
}

/** Makes a fresh sandbox what the task wants: its files, then its commands, in order. @throws SetupFailed, SandboxFault */
export async function setUp(owner: FileOwner, sandbox: Sandbox): Promise<void> {
  const { task } = owner;
  for (const { path, base64 } of task.files) {
    const content = Readable.from([Buffer.from(base64, 'base64')]);
    try {
      await putFile({ rollout: owner, sandbox, path, content });
    } catch (error) {
      if (!(error instanceof FileRefused)) throw error;
      throw new SetupFailed(`task ${task.name}: ${path}: ${error.message}`, { cause: error });
    }
  }
  for (const argv of task.setup) {
    const work = { kind: 'exec', argv, env: [], cwd: null, stdin: new Uint8Array() } as const;
    const number = owner.nextNumber();
    const report = await sandbox.run(number, work, limits(task));
    if (report.type !== 'exited' || report.waitStatus !== 0)
      throw new SetupFailed(`task ${task.name}: set-up command failed: ${argv.join(' ')}${said(report)}`);
    sandbox.acknowledge(number);
  }
}

function said(report: Ending | StartFailure): string {
  if (report.type !== 'exited') return ': it could not be started';
  const text = decodeOutput(Buffer.concat([report.stderr.head, report.stderr.tail])).trim();
  return text === '' ? '' : `: ${text.slice(-QUOTED)}`;
}

function limits(task: Task): CallLimits {
  return {
    timeoutMs: task.policy.times.call_max,
    keepBytes: OUTPUT_BYTES,
    outputBytes: task.policy.limits.output_total,
  };
}
