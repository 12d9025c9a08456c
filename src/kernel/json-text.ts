type KeyOrder = 'as given' | 'sorted';

interface Item {
  /** The text between the item before it and its own value: a comma, a key. */
  readonly before: string;
  readonly value: unknown;
}

/**
 * The JSON text of a value that JSON.parse made, nested however deep. JSON.stringify recurses, and overflows the stack
 * at some thousand levels, which a model can write in a few kilobytes.
 *
 * @param order of the keys of objects. `sorted`: equal values have equal texts. Array-index keys stand first, by number,
 * since objects keep them so; the others by UTF-16 code unit.
 */
export function jsonText(value: unknown, order: KeyOrder = 'as given'): string {
  const parts: string[] = [];
  const open: { readonly items: Iterator<Item>; readonly close: string }[] = [];
  const write = (item: unknown): void => {
    if (typeof item !== 'object' || item === null) {
      parts.push(item === undefined ? 'null' : JSON.stringify(item));
    } else if (Array.isArray(item)) {
      parts.push('[');
      open.push({ items: elementsOf(item), close: ']' });
    } else {
      parts.push('{');
      open.push({ items: membersOf(item, order), close: '}' });
    }
  };
  write(value);
  for (let innermost = open.at(-1); innermost !== undefined; innermost = open.at(-1)) {
    const next = innermost.items.next();
    if (next.done === true) {
      parts.push(innermost.close);
      open.pop();
    } else {
      parts.push(next.value.before);
      write(next.value.value);
    }
  }
  return parts.join('');
}

function* elementsOf(list: readonly unknown[]): Iterator<Item> {
  for (const [index, value] of list.entries()) yield { before: index === 0 ? '' : ',', value };
}

function* membersOf(object: object, order: KeyOrder): Iterator<Item> {
  const given = Object.entries(object).filter(([, value]) => value !== undefined);
  const members = order === 'sorted' ? sortedByKey(given) : given;
  for (const [index, [key, value]] of members.entries())
    yield { before: `${index === 0 ? '' : ','}${JSON.stringify(key)}:`, value };
}

/** Through an object, which puts array-index keys first: digests of version 0.1.0 were made so. */
function sortedByKey(entries: [string, unknown][]): [string, unknown][] {
  return Object.entries(Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

/**
 * Levels of lists and objects that are taken from a request: of a call's arguments, and of a recorded dataset row. Deeper
 * values would overflow the stack of readers that recurse.
 */
export const MAX_LEVELS = 200;

/** Whether lists and objects are nested in each other more than `levels` times. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true;
    level = level.flatMap((item): unknown[] =>
      typeof item === 'object' && item !== null ? Object.values(item) : [],
    );
  }
  return false;
}
