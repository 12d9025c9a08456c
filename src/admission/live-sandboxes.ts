import type { SandboxHandle } from '../sandbox/sandbox.ts';

/**
 * Counts the sandboxes that take memory, processes and descriptors of the engine's host, from the moment a start
 * begins until the removal is known to be done. The cap on these is apart from the cap on starts in flight.
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

  /** The start ended; null where it made nothing that stays. */
  settle(handle: SandboxHandle | null): void {
    this.#starting -= 1;
    if (handle !== null) this.#ids.add(handle.id);
  }

  /** One that an earlier life of this controller started. */
  add(handle: SandboxHandle): void {
    this.#ids.add(handle.id);
  }

  /** Removed, or given up to the engine's sweeper. Returns whether it was counted. */
  gone(handle: SandboxHandle): boolean {
    return this.#ids.delete(handle.id);
  }
}
