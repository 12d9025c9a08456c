/** JSON pointers (RFC 6901) into a call's `item`. */

const INVALID_ESCAPE = /~(?![01])/;
const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/** Why a text is no JSON pointer, or null where it is one. */
export function pointerProblem(pointer: string): string | null {
  if (pointer !== '' && !pointer.startsWith('/')) return 'a JSON pointer is empty or starts with "/"';
  if (INVALID_ESCAPE.test(pointer)) return 'in a JSON pointer "~" is written "~0" and "/" inside a name "~1"';
  return null;
}

/** What the pointer leads to; `found: false` where nothing is there. Never follows inherited properties. */
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
