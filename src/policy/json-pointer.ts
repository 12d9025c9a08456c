/** JSON pointers (RFC 6901) into a call's `item`. */

const INVALID_ESCAPE = /~(?![01])/;
const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/** Why a text is not a JSON pointer; null if it is one. */
export function pointerProblem(pointer: string): string | null {
  if (pointer !== '' && !pointer.startsWith('/')) return 'a JSON pointer is empty or starts with "/"';
  if (INVALID_ESCAPE.test(pointer))
    return 'in a JSON pointer, "~" is written "~0", and "/" inside a name is written "~1"';
  return null;
}

/** The value at the pointer; `found: false` if there is none. Inherited properties are never followed. */
export function resolvePointer(document: unknown, pointer: string): { found: boolean; value: unknown } {
  let value = document;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null) return { found: false, value: undefined };
    if (Array.isArray(value) && !ARRAY_INDEX.test(key)) return { found: false, value: undefined };
    if (!Object.hasOwn(value, key)) return { found: false, value: undefined };
    value = (value as Record<string, unknown>)[key];
  }
  return { found: true, value };
}
