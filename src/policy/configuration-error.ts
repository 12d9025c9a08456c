/** One mistake in a configuration file. */
export interface Problem {
  /** Path of the file or folder, as the caller gave it. */
  readonly file: string;
  /** 1-based; null if the mistake has no line, such as a missing file. */
  readonly line: number | null;
  /** Path of the field, such as `tasks.base.image`; empty if the mistake is about the whole file. */
  readonly field: string;
  readonly message: string;
}

/** `file:line: field: message`; editors and terminals make a link of it. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${String(problem.line)}`;
  return [place, problem.field, problem.message].filter((part) => part !== '').join(': ');
}

/** Thrown by `loadCatalog` and `readConfig`, with every mistake found. The server must not start; a retry cannot help. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 mistake' : `${String(problems.length)} mistakes`;
    super(
      [`${count} in the configuration`, ...problems.map((problem) => `  ${formatProblem(problem)}`)].join(
        '\n',
      ),
    );
    this.problems = problems;
  }
}
