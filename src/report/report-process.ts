import { execFile } from 'node:child_process';
import { extname, join } from 'node:path';
import { setPriority } from 'node:os';
import { promisify } from 'node:util';
import type { Diagnostics } from './diagnostics.ts';
import type { Overview } from './overview.ts';
import type { Risk } from './risk.ts';
import type { Scope } from './scope.ts';
import type { Story } from './story.ts';

/** The command line, beside this folder, as source or as built. */
const PROGRAM = join(import.meta.dirname, `../cli/faultline${extname(import.meta.filename)}`);
const DEADLINE_MS = 300_000;
const MOST_BYTES = 64 * 2 ** 20;
/** Half the share of the server's own: tool calls go first, and on a machine without an idle moment a report still ends. */
const NICENESS = 3;

export type SpokenRisk = Risk & { readonly sentences: readonly string[] };

/**
 * Reports for a server that goes on serving: each is made by the command line in a process of its own, at low
 * priority and one at a time, so that a large journal costs the server neither memory nor its event loop, and
 * neither can a crash of the database. Rejects where a report fails, takes more than five minutes, or whoever asked has
 * `gone`.
 */
export class ReportProcess {
  readonly #dataDir: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  overview(scope: Scope, gone?: AbortSignal): Promise<Overview> {
    return this.#ask(['report', ...options(scope)], gone) as Promise<Overview>;
  }

  risk(scope: Scope, gone?: AbortSignal): Promise<SpokenRisk> {
    return this.#ask(['report', '--risk', ...options(scope)], gone) as Promise<SpokenRisk>;
  }

  diagnostics(scope: Scope, gone?: AbortSignal): Promise<Diagnostics> {
    return this.#ask(['report', '--diagnostics', ...options(scope)], gone) as Promise<Diagnostics>;
  }

  /** Null where the journal doesn't know the rollout. */
  async story(rollout: string, gone?: AbortSignal): Promise<Story | null> {
    const told = (await this.#ask(['rollout', '--', rollout], gone)) as Story | { readonly error: string };
    return 'error' in told ? null : told;
  }

  #ask(words: readonly string[], gone?: AbortSignal): Promise<unknown> {
    const mine = this.#last.then(() => this.#run(words, gone));
    this.#last = mine.catch(() => undefined); // Whoever asked is told; the next one isn't held up by it.
    return mine;
  }

  async #run([command = '', ...rest]: readonly string[], gone?: AbortSignal): Promise<unknown> {
    const running = promisify(execFile)(
      process.execPath,
      [PROGRAM, command, '--data', this.#dataDir, '--json', ...rest],
      {
        timeout: DEADLINE_MS,
        killSignal: 'SIGKILL',
        maxBuffer: MOST_BYTES,
        ...(gone === undefined ? {} : { signal: gone }),
      },
    );
    if (running.child.pid !== undefined) setPriority(running.child.pid, NICENESS);
    return JSON.parse((await running.catch(toldNo)).stdout);
  }
}

/** A report that ends with 1 and says why as JSON is an answer; whatever else went wrong is thrown. */
function toldNo(error: unknown): { readonly stdout: string } {
  const { code, stdout = '' } = error as { readonly code?: unknown; readonly stdout?: string };
  if (code !== 1 || stdout === '') throw error;
  return { stdout };
}

/** One word each: a value that begins with a dash is no option. */
function options(scope: Scope): string[] {
  return Object.entries(scope).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${String(value)}`],
  );
}
