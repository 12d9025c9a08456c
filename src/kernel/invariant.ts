/** A closed union that turned out open: a bug of ours, and shown as one. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

/** What a caught value says of itself. JavaScript throws anything; most of it is an Error. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
