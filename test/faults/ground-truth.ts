import { appendFileSync } from 'node:fs';

/** Whom a fault is aimed at: everybody, or these rollouts. */
export type Target = 'all' | ReadonlySet<string>;

interface Window {
  readonly target: Target;
  readonly fromMs: number;
  untilMs: number;
}

/**
 * The injector's own log: what was done, to whom, from when to when, on this process's monotonic clock. Verdicts are
 * compared with it; the server never sees it.
 */
export class GroundTruth {
  readonly #file: string;
  readonly #windows: Window[] = [];

  /** @param file Gets one JSON object per line, at once. */
  constructor(file: string) {
    this.#file = file;
  }

  note(what: string, fields: Readonly<Record<string, unknown>>): void {
    const line = JSON.stringify({ at_ms: Math.round(performance.now()), what, ...fields });
    appendFileSync(this.#file, `${line}\n`);
  }

  /** From now on calls of the target may be hit, until the returned function is called, or for ever. */
  open(what: string, target: Target): () => void {
    const window = { target, fromMs: performance.now(), untilMs: Infinity };
    this.#windows.push(window);
    this.note(`${what} begins`, { target: target === 'all' ? target : [...target] });
    return () => {
      if (window.untilMs < Infinity) return;
      window.untilMs = performance.now();
      this.note(`${what} ends`, {});
    };
  }

  /** Whether a fault was aimed at the rollout while one of its calls was under way. */
  exposed(rollout: string, fromMs: number, untilMs: number): boolean {
    return this.#windows.some(
      (window) =>
        (window.target === 'all' || window.target.has(rollout)) &&
        window.fromMs <= untilMs &&
        window.untilMs >= fromMs,
    );
  }
}
