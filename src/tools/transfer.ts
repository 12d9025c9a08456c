import { Readable } from 'node:stream';
import type { Blobs } from '../journal/blobs.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import { errorMessage } from '../kernel/errors.ts';
import type { RolloutId } from '../kernel/ids.ts';
import type { Opening, Rollouts } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import { CHUNK_BYTES, FileRefused, fileLimits, putFile } from '../rollouts/upload.ts';
import { errnoText } from './errno.ts';

const TRANSFER_MS = 300_000;

/** A failed transfer. `problem` is for the caller. A status below 500 is attributed to the caller or the model. */
export interface TransferProblem {
  readonly problem: string;
  readonly status: 404 | 410 | 503;
}

/**
 * Copies files between callers and sandboxes. Only sandboxd opens the paths, inside the sandbox and with the model's
 * rights; the controller never does. Uploads are stored by content, because a replay needs them.
 */
export class FileTransfer {
  readonly #rollouts: Rollouts;
  readonly #sandboxes: Pick<Sandboxes, 'claims' | 'losses'>;
  readonly #journal: Journal;
  readonly #blobs: Blobs;
  readonly #clock: Clock;

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
    this.#clock = parts.clock;
  }

  /** Reads the body to its end, unless it fails earlier. Errors of the body are passed on. */
  async upload(
    opening: Opening,
    path: string,
    body: AsyncIterable<Uint8Array>,
  ): Promise<{ bytes: number; sha256: string } | TransferProblem> {
    const kept = await this.#blobs.put(body);
    const rollout = await this.#rollouts.openRollout(opening);
    return await this.#withCallLock(rollout, async (deadline) => {
      const sandbox = await this.#sandboxes.claims.acquireSandbox(rollout, deadline);
      const place = await putFile({ rollout, sandbox, path, content: await this.#blobs.open(kept.sha256) });
      await this.#journal.append(
        { type: 'file_uploaded', rollout: rollout.id, path, place, ...kept },
        { durable: true },
      );
      rollout.uploads.push({ number: place, path, sha256: kept.sha256 });
      return kept;
    });
  }

  /** The file as a stream. An error at the first chunk (missing, a folder) is a problem; a later error breaks the stream. */
  async download(id: RolloutId, path: string): Promise<{ body: Readable } | TransferProblem> {
    const rollout = this.#rollouts.get(id);
    if (rollout === undefined) return { problem: `no rollout ${id}`, status: 404 };
    return await this.#withCallLock(rollout, async (deadline) => {
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

  /** Does the work with the rollout's call lock; repeats it in a rebuilt sandbox if the sandbox is lost to infrastructure. */
  async #withCallLock<T extends object>(
    rollout: Rollout,
    work: (deadline: Deadline) => Promise<T>,
  ): Promise<T | TransferProblem> {
    const deadline = Deadline.after(this.#clock, 'turn_wait', TRANSFER_MS);
    using lock = await rollout.callLock.acquire(deadline);
    if (lock === null) return { problem: 'earlier calls of this rollout took too long', status: 503 };
    using _held = rollout.heldUpTime.begin(this.#clock);
    if (rollout.state === 'lost' || rollout.state === 'ended')
      return { problem: 'the rollout has ended', status: 410 };
    for (;;) {
      try {
        return await work(deadline);
      } catch (error) {
        if (error instanceof FileRefused)
          return { problem: error.errno === 0 ? error.message : errnoText(error.errno), status: 404 };
        const fate = await this.#sandboxes.losses.settleError(rollout, error);
        if (fate !== 'rebuild') return { problem: errorMessage(error), status: 503 };
      }
    }
  }
}

/** The part that the adapters use. */
export type Transfers = Pick<FileTransfer, 'upload' | 'download'>;
