import { Presets, SingleBar } from 'cli-progress';

/** One bar per phase, one phase at a time, on stderr. Where that is no terminal, a line per phase. */
export class Progress {
  #bar: SingleBar | null = null;

  /** Ends the phase before; each call of the result is one step of the new one. */
  phase(total: number, label: string): () => void {
    this.stop();
    if (total === 0) return () => undefined;
    if (!process.stderr.isTTY) {
      console.error(`${String(total)} ${label}`);
      return () => undefined;
    }
    const bar = new SingleBar(
      { format: `{bar} {value}/{total} ${label}, {eta_formatted} left` },
      Presets.shades_classic,
    );
    bar.start(total, 0);
    this.#bar = bar;
    return () => {
      bar.increment();
    };
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}
