import { Presets, SingleBar } from 'cli-progress';

/** Prints one progress bar per phase on stderr; one line per phase if stderr is not a terminal. */
export class Progress {
  #bar: SingleBar | null = null;

  /** Ends the previous phase and starts one. Each call of the returned function is one step of it. */
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
