import { Readable } from 'node:stream';
import type { Blobs } from '../journal/blobs.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { RolloutId } from '../kernel/ids.ts';
import type { Ending, Work } from '../protocol/messages.ts';
import type { Opening, Rollouts } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';
import { errnoText } from './errno.ts';
import { callLimits } from './tool.ts';

/** One chunk of a file on its way; a frame of the agent holds it with room to spare. */
const CHUNK_BYTES = 512 * 1024;
const TRANSFER_MS = 300_000;
const NEW_FILE_MODE = 0o644;

/** A file that could not be moved. `problem` is for the caller; a status below 500 is the caller's or the model's doing. */
export interface TransferProblem {
  readonly problem: string;
  readonly status: 404 | 410 | 503;
}

/**
 * Moves files between callers and sandboxes. Every path is opened inside the sandbox by the agent, with the
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

  async upload(
    opening: Opening,
    path: string,
    body: AsyncIterable<Uint8Array>,
  ): Promise<{ bytes: number; sha256: string } | TransferProblem> {
    const kept = await this.#blobs.put(body);
    const rollout = await this.#rollouts.open(opening);
    return await this.#inTurn(rollout, async (deadline) => {
      let offset = 0;
      const content = await this.#blobs.open(kept.sha256);
      for await (const data of chunked(content)) {
        await this.#run(rollout, deadline, { kind: 'write-file', path, offset, data, mode: NEW_FILE_MODE });
        offset += data.length;
      }
      await this.#journal.append(
        { type: 'file_uploaded', rollout: rollout.id, path, ...kept },
        { durable: true },
      );
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
    const ending = await this.#run(rollout, deadline, {
      kind: 'read-file',
      path,
      offset,
      length: CHUNK_BYTES,
    });
    return ending.payload;
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
    try {
      return await work(deadline);
    } catch (error) {
      if (error instanceof FileRefused) return { problem: error.message, status: 404 };
      if (error instanceof DeadlineExceeded) return { problem: error.message, status: 503 };
      if (!(error instanceof SandboxFault)) throw error;
      await this.#sandboxes.giveUp(rollout, await this.#sandboxes.lossEvidence(rollout, error));
      return { problem: error.message, status: 503 };
    }
  }

  async #run(rollout: Rollout, deadline: Deadline, work: Work): Promise<Ending> {
    const sandbox = await this.#sandboxes.of(rollout, deadline);
    const number = rollout.nextNumber();
    const { policy } = rollout.task;
    const report = await sandbox.run(number, work, callLimits(policy, policy.times.call_default));
    sandbox.acknowledge(number);
    if (report.type === 'exited' && report.errno === 0 && report.killReason === 'none') return report;
    throw new FileRefused(
      report.errno === 0 ? 'the file could not be moved in time' : errnoText(report.errno),
    );
  }
}

/** The sandbox would not give or take the file. */
class FileRefused extends Error {
  override readonly name = 'FileRefused';
}

/** The stream's bytes in chunks of one size; at least one, which may be empty, so that an empty file is made too. */
async function* chunked(stream: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let held = Buffer.alloc(0);
  for await (const piece of stream) {
    held = Buffer.concat([held, piece]);
    for (; held.length > CHUNK_BYTES; held = held.subarray(CHUNK_BYTES)) yield held.subarray(0, CHUNK_BYTES);
  }
  yield held;
}
