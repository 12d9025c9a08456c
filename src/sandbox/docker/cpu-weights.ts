import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, errorMessage } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import type { CgroupPaths } from './cgroup-paths.ts';
import type { Measured } from './host-use.ts';

/** Processor time of a short call, at most. */
const SHORT_US = 300_000;

const WEIGHTS = {
  1: { file: 'cpu.shares', usual: '1024', least: '64' },
  2: { file: 'cpu.weight', usual: '100', least: '6' },
} as const;

/**
 * Short calls run before long ones: a sandbox that has used `SHORT_US` since its last call began gets a sixteenth of the
 * usual CPU weight until its next call begins. A short call beside endless loops then waits for none of them, and the
 * loops share the rest equally. Needs the right to write the control groups; without it all weights stay as they are, and
 * nothing else depends on them.
 */
export class CpuWeights {
  readonly #paths: CgroupPaths;
  readonly #log: Log;
  /** Of each sandbox: processor time used when its last call began, and whether its weight is low. */
  readonly #known = new Map<string, { beforeUs: number; low: boolean }>();
  #writable = true;

  constructor(paths: CgroupPaths, log: Log) {
    this.#paths = paths;
    this.#log = log;
  }

  /** A call begins in the sandbox, which has used this much processor time so far: restores its weight. Never throws. */
  async began(id: string, usedUs: number): Promise<void> {
    const low = this.#known.get(id)?.low === true;
    this.#known.set(id, { beforeUs: usedUs, low: false });
    if (low) await this.#write(id, 'usual');
  }

  /** After each round. */
  async adjust(measured: ReadonlyMap<string, Measured>): Promise<void> {
    for (const id of this.#known.keys()) if (!measured.has(id)) this.#known.delete(id);
    for (const [id, { usedUs }] of measured) {
      const known = this.#known.get(id);
      if (known === undefined) this.#known.set(id, { beforeUs: usedUs, low: false });
      else if (!known.low && usedUs - known.beforeUs >= SHORT_US) {
        known.low = true;
        await this.#write(id, 'least');
      }
    }
  }

  async #write(id: string, which: 'usual' | 'least'): Promise<void> {
    const folder = this.#paths.of('cpu', id);
    if (folder === null || !this.#writable) return;
    const { file, ...weights } = WEIGHTS[this.#paths.version];
    try {
      await writeFile(join(folder, file), weights[which]);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENODEV') return; // The sandbox is gone.
      this.#writable = false;
      this.#log.warn({ error: errorMessage(error) }, 'CPU weights of sandboxes cannot be set on this host');
    }
  }
}
