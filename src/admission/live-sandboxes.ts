import type { SandboxHandle } from '../sandbox/sandbox.ts';

/**
 * Counts the sandboxes that use memory, processes and descriptors of the engine's host: from the beginning of the start
 * to the end of the removal. Their cap is independent of the concurrency limit on starts.
 */
export class LiveSandboxes {
  readonly cap: number;
  readonly #ids = new Set<string>();
  #starting = 0;

  constructor(cap: number) {
    this.cap = cap;
  }

  get count(): number {
    return this.#ids.size + this.#starting;
  }

  get full(): boolean {
    return this.count >= this.cap;
  }

  /** A start begins. */
  reserve(): void {
    this.#starting += 1;
  }

  /** A start has ended. `handle` is null where it failed and left no sandbox. */
  settle(handle: SandboxHandle | null): void {
    this.#starting -= 1;
    if (handle !== null) this.#ids.add(handle.id);
  }

  /** Counts a sandbox that an earlier controller process started. */
  add(handle: SandboxHandle): void {
    this.#ids.add(handle.id);
  }

  /** The sandbox has been removed, or is left to the engine's sweeper. Returns whether it was counted. */
  gone(handle: SandboxHandle): boolean {
    return this.#ids.delete(handle.id);
  }
}
