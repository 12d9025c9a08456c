/** An escape of JSON text; JSON.stringify writes surrogates so only where they have no partner. */
const ESCAPE = /\\(?:ud[89a-f][0-9a-f]{2}|.)/g;

/**
 * An event as one line of the journal. A model can write half of a surrogate pair into arguments. No UTF-8 can hold it, and
 * DuckDB refuses a line that has one, so reports would lose the whole event; it is written as U+FFFD. Arguments that reach
 * the sandbox with one are JSON text here, with an escape (`recordedArguments`).
 */
export function eventText(event: object): string {
  const text = JSON.stringify(event);
  if (!text.includes('\\ud')) return text;
  return text.replaceAll(ESCAPE, (escape) => (escape.startsWith('\\ud') ? '\ufffd' : escape));
}
