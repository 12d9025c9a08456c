import { execFile } from 'node:child_process';
import { extname, join } from 'node:path';
import { setPriority } from 'node:os';
import { promisify } from 'node:util';
import type { Diagnostics } from './diagnostics.ts';
import type { Overview } from './overview.ts';
import type { Risk } from './risk.ts';
import type { Scope } from './scope.ts';
import type { Story, StoryProblem } from './story.ts';

/** The command line, beside this folder, as source or as built. */
const PROGRAM = join(import.meta.dirname, `../cli/faultline${extname(import.meta.filename)}`);
const DEADLINE_MS = 300_000;
const MOST_BYTES = 64 * 2 ** 20;
/** About half the server's share of the processor: tool calls go first, and a report still ends on a busy machine. */
const NICENESS = 3;

export type SpokenRisk = Risk & { readonly sentences: readonly string[] };

/**
 * Reports for a running server. Each is made by the command line in a separate process, at low priority and one at a time. So
 * a large journal takes neither memory nor event loop of the server, and a crash of the database does not end the server.
 * Rejects if a report fails, takes more than five minutes, or `gone` is aborted because the requester left.
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

  /** `job`: as the request names it. */
  async story(
    { rollout, job }: { readonly rollout: string; readonly job?: string | undefined },
    gone?: AbortSignal,
  ): Promise<Story | StoryProblem> {
    const words = ['rollout', ...(job === undefined ? [] : [`--job=${job}`]), '--', rollout];
    const told = (await this.#ask(words, gone)) as Story | { readonly error: StoryProblem };
    return 'error' in told ? told.error : told;
  }

  #ask(words: readonly string[], gone?: AbortSignal): Promise<unknown> {
    const mine = this.#last.then(() => this.#run(words, gone));
    this.#last = mine.catch(() => undefined); // The requester gets the error; the next report does not depend on it.
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

/** A report that exits with 1 and prints JSON is an answer (such as an unknown rollout); any other failure is thrown. */
function toldNo(error: unknown): { readonly stdout: string } {
  const { code, stdout = '' } = error as { readonly code?: unknown; readonly stdout?: string };
  if (code !== 1 || stdout === '') throw error;
  return { stdout };
}

/** `--name=value` as one argument, so that a value that begins with a dash is not read as an option. */
function options(scope: Scope): string[] {
  return Object.entries(scope).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${String(value)}`],
  );
}
