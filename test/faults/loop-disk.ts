import { execFile } from 'node:child_process';
import { open, statfs } from 'node:fs/promises';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const FILLER = 'filler';
const BLOCK_BYTES = 64 * 1024;

/** A file system in a file, which may be filled and frozen without the machine's own suffering. Needs root. */
export class LoopDisk implements AsyncDisposable {
  readonly #image: string;
  readonly #folder: string;
  readonly #bytes: number;
  #mounted = false;
  #frozen = false;

  constructor(image: string, folder: string, bytes: number) {
    this.#image = image;
    this.#folder = folder;
    this.#bytes = bytes;
  }

  async mount(): Promise<void> {
    const file = openSync(this.#image, 'w');
    ftruncateSync(file, this.#bytes);
    closeSync(file);
    mkdirSync(this.#folder, { recursive: true });
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', this.#image], { timeout: 60_000 });
    await run('mount', ['-o', 'loop', this.#image, this.#folder], { timeout: 30_000 });
    this.#mounted = true;
  }

  /** Nothing is left on it, for root neither. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    await using filler = await open(join(this.#folder, FILLER), 'w');
    // Most of it in one go. What the file system needs for its own books can't be told beforehand.
    await run('fallocate', ['-l', String(Math.floor(bavail * bsize * 0.98)), join(this.#folder, FILLER)]);
    const block = Buffer.alloc(BLOCK_BYTES);
    let { size } = await filler.stat();
    try {
      for (;;) size += (await filler.write(block, 0, block.length, size)).bytesWritten;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
    await filler.sync();
  }

  free(): void {
    rmSync(join(this.#folder, FILLER), { force: true });
  }

  /** Whoever writes to it waits from now on. */
  async freeze(): Promise<void> {
    await run('fsfreeze', ['-f', this.#folder], { timeout: 30_000 });
    this.#frozen = true;
  }

  async thaw(): Promise<void> {
    if (this.#frozen) await run('fsfreeze', ['-u', this.#folder], { timeout: 30_000 });
    this.#frozen = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.thaw();
    // Overlays of ended containers and the daemon's own mounts are on it.
    if (this.#mounted) await run('umount', ['-l', '-R', this.#folder], { timeout: 30_000 });
    this.#mounted = false;
    if (existsSync(this.#image)) rmSync(this.#image);
  }
}
