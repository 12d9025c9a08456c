import { createHash } from 'node:crypto';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { Blobs } from '../../../src/journal/blobs.ts';
import { temporaryFolder } from './temporary.ts';

async function* pieces(...all: Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const piece of all) yield await Promise.resolve(piece);
}
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const everything = (folder: string): string[] =>
  readdirSync(join(folder, 'blobs'), { recursive: true }).map(String);

describe('the blob store', () => {
  test('gives back what was put, from a buffer and from a stream, once for the same content', async () => {
    using folder = temporaryFolder();
    const blobs = await Blobs.at(folder.path);
    const data = Buffer.from('a\0b'.repeat(100_000));
    const stored = await blobs.put(data);
    expect(stored).toEqual({ sha256: sha256(data), bytes: data.length });
    expect(await blobs.put(pieces(data.subarray(0, 7), data.subarray(7)))).toEqual(stored);
    expect(data.equals(await buffer(await blobs.open(stored.sha256)))).toBe(true);
    expect(everything(folder.path)).toHaveLength(2);
  });

  test('takes the same content from many at once', async () => {
    using folder = temporaryFolder();
    const blobs = await Blobs.at(folder.path);
    const all = await Promise.all(Array.from({ length: 20 }, () => blobs.put(Buffer.from('same'))));
    expect(new Set(all.map((one) => one.sha256)).size).toBe(1);
    expect(everything(folder.path)).toHaveLength(2);
  });

  test('an empty file is a file, and nobody else may read any', async () => {
    using folder = temporaryFolder();
    const { sha256: digest, bytes } = await (await Blobs.at(folder.path)).put(new Uint8Array());
    expect(bytes).toBe(0);
    expect(statSync(join(folder.path, 'blobs', digest.slice(0, 2), digest)).mode & 0o777).toBe(0o600);
  });

  test('an upload that breaks off leaves nothing', async () => {
    using folder = temporaryFolder();
    const blobs = await Blobs.at(folder.path);
    async function* broken(): AsyncIterable<Uint8Array> {
      yield await Promise.resolve(Buffer.from('half'));
      throw new Error('connection reset');
    }
    await expect(blobs.put(broken())).rejects.toThrow('connection reset');
    expect(everything(folder.path)).toEqual([]);
  });

  test('what a crash left half-written is cleared away at the next start', async () => {
    using folder = temporaryFolder();
    await Blobs.at(folder.path);
    writeFileSync(join(folder.path, 'blobs', 'unfinished-1'), 'half');
    await Blobs.at(folder.path);
    expect(everything(folder.path)).toEqual([]);
  });

  test('unknown content is missing, and a path is never taken for a digest', async () => {
    using folder = temporaryFolder();
    const blobs = await Blobs.at(folder.path);
    await expect(blobs.open(sha256(Buffer.from('other')))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(blobs.open('../../../etc/passwd')).rejects.toThrow(RangeError);
    await expect(blobs.open('A'.repeat(64))).rejects.toThrow(RangeError);
  });
});
