/**
 * The number of the rules that map evidence to a cause, and a cause to its attribution and effects. It is recorded with
 * each judged event, so that `faultline rejudge` can say by which rules a difference came about. Raise it whenever
 * `attribute.ts` or a row of `causes.ts` changes what evidence means; the README of this folder has one line per number,
 * with the digest that a test compares.
 */
export const RULES: number = 2;

/** The rules of an event that names none: version 0.1.0 wrote no number. */
export const FIRST_RULES = 1;

/** The rules that judged an event of the journal. */
export function rulesOf(event: { readonly rules?: number | undefined }): number {
  return event.rules ?? FIRST_RULES;
}
