import { readFileSync } from 'node:fs';

/**
 * The rows of the first table below a heading, as trimmed cells without the head.
 *
 * @param heading As in the file, with its `#`.
 * @throws Error where the file has no such heading, or no table before the next one.
 */
export function tableBelow(file: string, heading: string): string[][] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`${file} has no heading "${heading}"`);
  const below = lines.slice(start + 1);
  const end = below.findIndex((line) => line.startsWith('#'));
  const section = end < 0 ? below : below.slice(0, end);
  const first = section.findIndex((line) => line.startsWith('|'));
  if (first < 0) throw new Error(`${file} has no table below "${heading}"`);
  const length = section.slice(first).findIndex((line) => !line.startsWith('|'));
  const table = section.slice(first, length < 0 ? undefined : first + length);
  return table.slice(2).map(cellsOf);
}

/** A pipe inside a cell is written `\|`. */
function cellsOf(row: string): string[] {
  return row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** The text between the first pair of backticks. */
export function codeIn(cell: string | undefined): string {
  return /`([^`]+)`/.exec(cell ?? '')?.[1] ?? '';
}
