import { Readable } from 'node:stream';
import { QueueRefusal } from '../admission/queue-refusal.ts';
import type { Blobs } from '../journal/blobs.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { RolloutId } from '../kernel/ids.ts';
import type { Opening, Rollouts } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { NotRecovered } from '../rollouts/recovery.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import { CHUNK_BYTES, FileRefused, fileLimits, putFile } from '../rollouts/upload.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';
import { errnoText } from './errno.ts';

const TRANSFER_MS = 300_000;

/** A file that could not be moved. `problem` is for the caller; a status below 500 is the caller's or the model's doing. */
export interface TransferProblem {
  readonly problem: string;
  readonly status: 404 | 410 | 503;
}

/**
 * Moves files between callers and sandboxes. Every path is opened inside the sandbox by sandboxd, with the
 * model's rights; the controller never opens one. Uploads are kept by content, since a replay needs them.
 */
export class FileTransfer {
  readonly #rollouts: Rollouts;
  readonly #sandboxes: Sandboxes;
  readonly #journal: Journal;
  readonly #blobs: Blobs;
  readonly #clock: Clock;

  constructor(parts: {
    rollouts: Rollouts;
    sandboxes: Sandboxes;
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

  /** Reads the body to its end unless it returns or throws first; what the body throws comes through. */
  async upload(
    opening: Opening,
    path: string,
    body: AsyncIterable<Uint8Array>,
  ): Promise<{ bytes: number; sha256: string } | TransferProblem> {
    const kept = await this.#blobs.put(body);
    const rollout = await this.#rollouts.open(opening);
    return await this.#inTurn(rollout, async (deadline) => {
      const sandbox = await this.#sandboxes.of(rollout, deadline);
      const place = await putFile({ rollout, sandbox, path, content: await this.#blobs.open(kept.sha256) });
      await this.#journal.append(
        { type: 'file_uploaded', rollout: rollout.id, path, place, ...kept },
        { durable: true },
      );
      rollout.uploads.push({ number: place, path, sha256: kept.sha256 });
      return kept;
    });
  }

  /** The file as a stream of its chunks. What the first chunk shows (missing, a folder) is a problem; a later fault breaks the stream. */
  async download(id: RolloutId, path: string): Promise<{ body: Readable } | TransferProblem> {
    const rollout = this.#rollouts.get(id);
    if (rollout === undefined) return { problem: `no rollout ${id}`, status: 404 };
    return await this.#inTurn(rollout, async (deadline) => {
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
    const sandbox = await this.#sandboxes.of(rollout, deadline);
    const number = rollout.nextNumber();
    const work = { kind: 'read-file', path, offset, length: CHUNK_BYTES } as const;
    const report = await sandbox.run(number, work, fileLimits(rollout));
    sandbox.acknowledge(number);
    if (report.type === 'exited' && report.errno === 0 && report.killReason === 'none') return report.payload;
    throw new FileRefused(report.errno);
  }

  async #inTurn<T extends object>(
    rollout: Rollout,
    work: (deadline: Deadline) => Promise<T>,
  ): Promise<T | TransferProblem> {
    const deadline = Deadline.after(this.#clock, 'turn_wait', TRANSFER_MS);
    using turn = await rollout.turns.take(deadline);
    if (turn === null) return { problem: 'earlier calls of this rollout took too long', status: 503 };
    if (rollout.state === 'lost' || rollout.state === 'ended')
      return { problem: 'the rollout has ended', status: 410 };
    for (;;) {
      try {
        return await work(deadline);
      } catch (error) {
        if (error instanceof FileRefused)
          return { problem: error.errno === 0 ? error.message : errnoText(error.errno), status: 404 };
        if (
          error instanceof QueueRefusal ||
          error instanceof DeadlineExceeded ||
          error instanceof NotRecovered
        )
          return { problem: error.message, status: 503 };
        if (!(error instanceof SandboxFault)) throw error;
        const evidence = await this.#sandboxes.lossEvidence(rollout, error);
        if (await this.#sandboxes.displace(rollout, evidence)) continue;
        await this.#sandboxes.giveUp(rollout, evidence);
        return { problem: error.message, status: 503 };
      }
    }
  }
}

/** What the ways in have of it. */
export type Transfers = Pick<FileTransfer, 'upload' | 'download'>;
