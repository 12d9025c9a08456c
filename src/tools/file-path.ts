import { z } from 'zod';

/** How a path begins that was meant for a shell: `$HOME/x`, `${HOME}`. */
const VARIABLE = /^\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})(?:\/|$)/;

const hasNul = (text: string): boolean => text.includes('\0');
/** Half of a surrogate pair. U+DC80 to U+DCFF stand for bytes of a name that are not UTF-8 (`protocol/file-name.ts`). */
const hasHalfCharacter = (text: string): boolean => /[\ud800-\udc7f\udd00-\udfff]/u.test(text);

/** A path as file tools take it. What no file can be named by is refused with its reason. */
export const filePath = z
  .string()
  .min(1)
  .refine((path) => !hasNul(path), 'a path cannot hold a null byte (\\u0000)')
  .refine((path) => !hasHalfCharacter(path), 'a path cannot hold half a character (a lone surrogate)')
  .refine(
    (path) => !VARIABLE.test(path),
    'variables such as $HOME are not expanded in paths; ~ is the home directory, and ./$HOME a file of that name',
  )
  .describe('Absolute path, or relative to the working directory. ~ is the home directory.');

/** A pattern, which is matched against text. */
export const patternText = z
  .string()
  .min(1)
  .refine((text) => !hasNul(text), 'it cannot hold a null byte (\\u0000); \\x00 matches one')
  .refine((text) => text.isWellFormed(), 'it cannot hold half a character (a lone surrogate)');

/** Names that would be misread in a list of lines: they are written as JSON strings. */
const UNCLEAR = /[\0-\x1f\x7f\u2028\u2029]|^[\s"]|\s$|\s{2}/u;

export const isUnclear = (path: string): boolean => !path.isWellFormed() || UNCLEAR.test(path);

/** A path for the model. The file tools take it as it is; one in double quotes is a JSON string. */
export function shownPath(path: string): string {
  const plain = path.startsWith('~') || VARIABLE.test(path) ? `./${path}` : path;
  return isUnclear(plain) ? JSON.stringify(plain) : plain;
}
