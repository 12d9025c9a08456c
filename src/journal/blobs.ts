import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { syncFolder } from './log-file.ts';

/** A stored file: the digest by which it is found, and its size. */
export interface StoredBlob {
  readonly sha256: string;
  readonly bytes: number;
}

const SHA256 = /^[0-9a-f]{64}$/;
const UNFINISHED = 'unfinished-';

/**
 * Stores uploaded files by content in `<data>/blobs/ab/abcd…`. A file appears under its digest only when it is complete
 * and flushed, and never changes afterwards. The same content is stored once.
 */
export class Blobs {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the store and deletes incomplete files of earlier processes. */
  static async at(dataDir: string): Promise<Blobs> {
    const folder = join(dataDir, 'blobs');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const leftovers = (await readdir(folder)).filter((name) => name.startsWith(UNFINISHED));
    await Promise.all(leftovers.map((name) => rm(join(folder, name), { force: true })));
    return new Blobs(folder);
  }

  /** The file is durable when this resolves. Rejects with the error of the source or the file system; no file is left then. */
  async put(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredBlob> {
    const unfinished = join(this.#folder, UNFINISHED + randomUUID());
    try {
      const stored = await write(unfinished, content instanceof Uint8Array ? [content] : content);
      await this.#publish(unfinished, this.#path(stored.sha256));
      return stored;
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  /** The content as a stream. Rejects with ENOENT if it is not stored, with RangeError if the argument is not a digest. */
  async open(sha256: string): Promise<Readable> {
    if (!SHA256.test(sha256)) throw new RangeError(`not a SHA-256 digest: ${sha256}`);
    const handle = await open(this.#path(sha256));
    return handle.createReadStream();
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256.slice(0, 2), sha256);
  }

  async #publish(unfinished: string, path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (await exists(path)) await rm(unfinished);
    else await rename(unfinished, path);
    await syncFolder(this.#folder); // Also if the file existed: the other writer may not have synced yet.
    await syncFolder(dirname(path));
  }
}

async function write(
  path: string,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<StoredBlob> {
  await using file = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    await file.writeFile(chunk); // Unlike `write`, continues after a short write, at the current position.
    bytes += chunk.length;
  }
  await file.sync();
  return { sha256: hash.digest('hex'), bytes };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
