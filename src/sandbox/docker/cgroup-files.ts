import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The text of a file of the kernel's; null where it can't be read: what it says is then unknown, for whatever reason. */
export async function contentOf(file: string): Promise<string | null> {
  return await readFile(file, 'utf8').catch(() => null);
}

/** The number in a file, or after the key in one of its lines; null: unknown. `max` is Infinity. */
export async function numberIn(folder: string, file: string, key = ''): Promise<number | null> {
  const text = await contentOf(join(folder, file));
  const line = text?.split('\n').find((candidate) => candidate.startsWith(key));
  const [, found] = /^(\d+|max)(?:\s|$)/.exec(line?.slice(key.length).trimStart() ?? '') ?? [];
  if (found === undefined) return null;
  return found === 'max' ? Infinity : Number(found);
}

/** Null where any of them is unknown. */
export function sum(numbers: readonly (number | null)[]): number | null {
  return numbers.reduce((total, one) => (total === null || one === null ? null : total + one), 0);
}

/** The numbers of a list such as `0-3,8`. Null where it is none. */
export function listedNumbers(text: string | null): ReadonlySet<number> | null {
  if (text === null || !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text.trim())) return null;
  const listed = new Set<number>();
  for (const range of text.trim().split(',')) {
    const [first = 0, last = first] = range.split('-').map(Number);
    for (let number = first; number <= last; number += 1) listed.add(number);
  }
  return listed;
}
