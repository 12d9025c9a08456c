import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inParallel } from '../demo/in-parallel.ts';

const BASE = 'faultline/minimal';
const BUILDS_AT_ONCE = 4;
const REMOVED_AT_ONCE = 50;

/** A file with the image's number, in a separate layer: it is different in each image. */
export const MARKER = '/srv/image-number';

const docker = async (...args: string[]): Promise<void> => {
  await promisify(execFile)('docker', args, { timeout: 300_000 });
};

/** `count` distinct images, each with one file above a common base; removed at the end. */
export class NumberedImages implements AsyncDisposable {
  readonly references: readonly string[];

  private constructor(references: readonly string[]) {
    this.references = references;
  }

  static async build(count: number): Promise<NumberedImages> {
    const name = `faultline-bench-${String(process.pid)}`;
    const images = new NumberedImages(Array.from({ length: count }, (_, nth) => `${name}:${String(nth)}`));
    const folder = mkdtempSync(join(tmpdir(), 'faultline-images-'));
    try {
      const numbered = [...images.references.entries()];
      await inParallel(numbered, BUILDS_AT_ONCE, new AbortController().signal, ([nth, reference]) =>
        buildOne(join(folder, String(nth)), nth, reference),
      );
      return images;
    } catch (error) {
      await images[Symbol.asyncDispose]();
      throw error;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let from = 0; from < this.references.length; from += REMOVED_AT_ONCE)
      await docker('image', 'rm', '-f', ...this.references.slice(from, from + REMOVED_AT_ONCE));
  }
}

async function buildOne(context: string, nth: number, reference: string): Promise<void> {
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), `FROM ${BASE}\nCOPY number ${MARKER}\n`);
  writeFileSync(join(context, 'number'), String(nth));
  await docker('build', '-q', '-t', reference, context);
}
