import type { Sandbox } from '../sandbox/sandbox.ts';
import type { CallLimits, CallNumber } from '../protocol/messages.ts';
import type { Task } from '../policy/schema.ts';

/** One piece of a file on its way; a frame of sandboxd holds it with room to spare. */
export const CHUNK_BYTES = 512 * 1024;
const NEW_FILE_MODE = 0o644;

/** The sandbox would not give or take a file. `errno` of sandboxd's child, or 0 where time ran out. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused';
  readonly errno: number;

  constructor(errno: number) {
    super(errno === 0 ? 'the file could not be moved in time' : `errno ${String(errno)}`);
    this.errno = errno;
  }
}

/** Whose sandbox it is. */
export interface FileOwner {
  readonly task: Task;
  nextNumber(): CallNumber;
}

/**
 * Writes a file into the sandbox, piece by piece, by sandboxd and with the model's rights. Resolves with the number
 * of the last piece.
 *
 * @throws FileRefused, SandboxFault
 */
export async function putFile(file: {
  readonly rollout: FileOwner;
  readonly sandbox: Sandbox;
  readonly path: string;
  readonly content: AsyncIterable<Uint8Array>;
}): Promise<number> {
  const { rollout, sandbox, path } = file;
  let [offset, number] = [0, 0];
  for await (const data of chunked(file.content)) {
    number = rollout.nextNumber();
    const work = { kind: 'write-file', path, offset, data, mode: NEW_FILE_MODE } as const;
    const report = await sandbox.run(number, work, fileLimits(rollout));
    sandbox.acknowledge(number);
    if (report.type !== 'exited' || report.errno !== 0 || report.killReason !== 'none')
      throw new FileRefused(report.errno);
    offset += data.length;
  }
  return number;
}

export function fileLimits({ task: { policy } }: Pick<FileOwner, 'task'>): CallLimits {
  return {
    timeoutMs: policy.times.call_default,
    keepBytes: policy.limits.output_kept,
    outputBytes: policy.limits.output_total,
  };
}

/** The stream's bytes in pieces of one size; at least one, which may be empty, so that an empty file is made too. */
async function* chunked(stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let held = Buffer.alloc(0);
  for await (const piece of stream) {
    held = Buffer.concat([held, piece]);
    for (; held.length > CHUNK_BYTES; held = held.subarray(CHUNK_BYTES)) yield held.subarray(0, CHUNK_BYTES);
  }
  yield held;
}
