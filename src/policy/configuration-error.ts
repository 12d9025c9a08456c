/** One mistake in what an operator wrote. */
export interface Problem {
  /** Path of the file or folder, as it was given. */
  readonly file: string;
  /** 1-based; null where the mistake has no place in the file, such as a missing file. */
  readonly line: number | null;
  /** Path of the field, such as `tasks.base.image`; empty for the file as a whole. */
  readonly field: string;
  readonly message: string;
}

/** `file:line: field: message`, the form that editors and terminals turn into a link. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${String(problem.line)}`;
  return [place, problem.field, problem.message].filter((part) => part !== '').join(': ');
}

/** Thrown once by `loadCatalog`, with every mistake found. The server must not start; nothing to retry. */
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
