import { Readable } from 'node:stream';
import type { Blobs } from '../journal/blobs.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import type { Opening, RolloutName, Rollouts } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import { CHUNK_BYTES, FileRefused, fileLimits, putFile } from '../rollouts/upload.ts';
import { withCallLock, type WorkProblem } from './locked-work.ts';

/** As the kernel limits paths. */
const PATH_BYTES = 4096;

/** A failed transfer. */
export type TransferProblem = WorkProblem;

/**
 * Copies files between callers and sandboxes. Only sandboxd opens the paths, inside the sandbox and with the model's
 * rights; the controller never does. Uploads are stored by content, because a replay needs them.
 */
export class FileTransfer {
  readonly #rollouts: Rollouts;
  readonly #sandboxes: Pick<Sandboxes, 'claims' | 'losses'>;
  readonly #journal: Journal;
  readonly #blobs: Blobs;
  readonly #locking: Parameters<typeof withCallLock>[0];

  constructor(parts: {
    rollouts: Rollouts;
    sandboxes: Pick<Sandboxes, 'claims' | 'losses'>;
    journal: Journal;
    blobs: Blobs;
    clock: Clock;
  }) {
    this.#rollouts = parts.rollouts;
    this.#sandboxes = parts.sandboxes;
    this.#journal = parts.journal;
    this.#blobs = parts.blobs;
    this.#locking = parts;
  }

  /** Reads the body to its end, unless it fails earlier. Errors of the body are passed on. */
  async upload(
    opening: Opening,
    path: string,
    body: AsyncIterable<Uint8Array>,
  ): Promise<{ bytes: number; sha256: string } | TransferProblem> {
    const problem = pathProblem(path);
    if (problem !== null) return problem;
    const kept = await this.#blobs.put(body);
    const rollout = await this.#rollouts.openRollout(opening);
    return await withCallLock(this.#locking, rollout, async (deadline) => {
      const sandbox = await this.#sandboxes.claims.acquireSandbox(rollout, deadline);
      const place = await putFile({ rollout, sandbox, path, content: await this.#blobs.open(kept.sha256) });
      await this.#journal.append(
        { type: 'file_uploaded', ...rollout.ref, path, place, ...kept },
        { durable: true },
      );
      rollout.uploads.push({ number: place, path, sha256: kept.sha256 });
      return kept;
    });
  }

  /** The file as a stream. An error at the first chunk (missing, a folder) is a problem; a later error breaks the stream. */
  async download({ id, job }: RolloutName, path: string): Promise<{ body: Readable } | TransferProblem> {
    const rollout = this.#rollouts.get(id, job);
    if (rollout === undefined) return { problem: `no rollout ${id}`, status: 404 };
    const problem = pathProblem(path);
    if (problem !== null) return problem;
    return await withCallLock(this.#locking, rollout, async (deadline) => {
      const first = await this.#read(rollout, deadline, path, 0);
      return { body: Readable.from(this.#rest(rollout, deadline, path, first)) };
    });
  }

  async *#rest(
    rollout: Rollout,
    deadline: Deadline,
    path: string,
    first: Uint8Array,
  ): AsyncIterable<Uint8Array> {
    let chunk = first;
    for (let offset = 0; chunk.length > 0;) {
      yield chunk;
      if (chunk.length < CHUNK_BYTES) return;
      offset += chunk.length;
      chunk = await this.#read(rollout, deadline, path, offset);
    }
  }

  async #read(rollout: Rollout, deadline: Deadline, path: string, offset: number): Promise<Uint8Array> {
    const sandbox = await this.#sandboxes.claims.acquireSandbox(rollout, deadline);
    const number = rollout.nextNumber();
    const work = { kind: 'read-file', path, offset, length: CHUNK_BYTES } as const;
    const report = await sandbox.run(number, work, fileLimits(rollout));
    sandbox.acknowledge(number);
    if (report.type === 'exited' && report.errno === 0 && report.killReason === 'none') return report.payload;
    throw new FileRefused(report.errno);
  }
}

/** Why no file can have this path, for the caller; null where one can. */
function pathProblem(path: string): TransferProblem | null {
  const problem = path.includes('\0')
    ? 'the path contains a null byte'
    : Buffer.byteLength(path) > PATH_BYTES
      ? `the path is longer than ${String(PATH_BYTES)} bytes`
      : !path.isWellFormed()
        ? 'the path contains half of a surrogate pair'
        : null;
  return problem === null ? null : { problem, status: 404 };
}

/** The part that the adapters use. */
export type Transfers = Pick<FileTransfer, 'upload' | 'download'>;
