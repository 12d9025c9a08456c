import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';

/** A shell that stays open between pastes, so that later ones find variables and functions of earlier ones. */
export class Terminal implements AsyncDisposable {
  readonly #shell: ChildProcess;
  #printed = '';

  constructor(folder: string) {
    this.#shell = spawn('bash', ['--norc'], {
      cwd: folder,
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#shell.stdout?.on('data', (data: Buffer) => (this.#printed += data.toString()));
  }

  /**
   * Runs the text, and resolves with what it printed on stdout and stderr when its last command has ended.
   *
   * @throws Error with what was printed so far, if that takes longer than `deadlineMs` or the shell ends.
   */
  async paste(text: string, deadlineMs: number): Promise<string> {
    const mark = `<<<${crypto.randomUUID()}>>>`;
    this.#printed = '';
    this.#shell.stdin?.write(`{\n${text}\n} </dev/null 2>&1\necho; echo '${mark}'\n`);
    const deadline = AbortSignal.timeout(deadlineMs);
    while (!this.#printed.includes(mark)) {
      try {
        await once(this.#shell.stdout as NodeJS.EventEmitter, 'data', { signal: deadline });
      } catch (error) {
        throw new Error(`no end of:\n${text}\nprinted so far:\n${this.#printed}`, { cause: error });
      }
    }
    return this.#printed.slice(0, this.#printed.indexOf(mark));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#shell, 'exit');
    this.#shell.stdin?.end();
    await gone;
  }
}
