import type { Work } from '../protocol/messages.ts';

/** Of all texts of a call together. A frame to sandboxd holds 4 MiB. */
const MAX_TEXT_BYTES = 3 * 2 ** 20;

/**
 * Why the texts of this work can't reach the sandbox, for the model; null where they can. Half of a surrogate pair can: as
 * U+FFFD, which the answer says.
 */
export function textProblem(work: Work): string | null {
  const texts = textsOf(work);
  for (const [what, text] of texts) {
    if (text.includes('\0')) return `the ${what} contains a null byte (\\u0000), which is not possible there`;
  }
  const bytes = texts.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
  if (bytes <= MAX_TEXT_BYTES) return null;
  return `the arguments make ${String(bytes)} bytes of text for the sandbox; at most ${String(MAX_TEXT_BYTES)} are possible`;
}

type Text = readonly [what: string, text: string];

function textsOf(work: Work): Text[] {
  switch (work.kind) {
    case 'shell':
      return [['command', work.command]];
    case 'python':
      return [['code', work.code]];
    case 'exec':
      return work.argv.map((argument): Text => ['command line', argument]);
    case 'search-files':
      return [['path', work.path], ['pattern', work.pattern], ['glob', work.glob ?? '']]; // prettier-ignore
    case 'read-file':
    case 'write-file':
    case 'list-files':
      return [['path', work.path]];
    case 'probe':
      return [];
  }
}
