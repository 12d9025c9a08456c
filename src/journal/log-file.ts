import { open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** `<UTC time>-<number>.jsonl`. The number orders the files, because clocks may be set back; the time is for people. */
const FILE_NAME = /^\d{8}T\d{9}Z-(\d+)\.jsonl$/;

export function logFileName(nowMs: number, number: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '');
  return `${time}-${String(number).padStart(6, '0')}.jsonl`;
}

/** The number in a log file's name, or null for any other file. */
export function logFileNumber(name: string): number | null {
  const match = FILE_NAME.exec(name);
  return match === null ? null : Number(match[1]);
}

/** Names of the log files in a folder, oldest first. */
export async function listLogFiles(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => logFileNumber(name) !== null);
  return names.sort((a, b) => (logFileNumber(a) ?? 0) - (logFileNumber(b) ?? 0));
}

/** Makes the creation or renaming of files in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}

/** Makes what a file has durable. */
export async function syncFile(path: string): Promise<void> {
  await using handle = await open(path, 'r+');
  await handle.datasync();
}

/** A file to which only this process appends. */
export class LogFile {
  readonly name: string;
  readonly #handle: FileHandle;
  #bytes = 0;

  private constructor(name: string, handle: FileHandle) {
    this.name = name;
    this.#handle = handle;
  }

  static async create(folder: string, name: string): Promise<LogFile> {
    const handle = await open(join(folder, name), 'wx', 0o600);
    try {
      await syncFolder(folder);
    } catch (error) {
      await handle.close();
      await rm(join(folder, name), { force: true });
      throw error;
    }
    return new LogFile(name, handle);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes all of the data and, if durable, flushes it. After a failure the file must be abandoned. */
  async append(data: Uint8Array, durable: boolean): Promise<void> {
    for (let done = 0; done < data.length;) {
      const { bytesWritten } = await this.#handle.write(data, done, data.length - done, this.#bytes + done);
      done += bytesWritten;
    }
    if (durable) await this.#handle.datasync();
    this.#bytes += data.length;
  }

  /** Truncates what a failed append may have left, if the disk allows it, and closes the file. Never rejects. */
  async abandon(): Promise<void> {
    await this.#handle.truncate(this.#bytes).catch(() => undefined); // Readers skip a torn line.
    await this.#handle.datasync().catch(() => undefined);
    await this.#handle.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
