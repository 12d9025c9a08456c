/** A closed union that turned out open: a bug of ours, and shown as one. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

/** The code that Node's own errors carry, such as `ENOENT`; undefined where there is none. */
export function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** What a caught value says of itself. JavaScript throws anything; most of it is an Error. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
