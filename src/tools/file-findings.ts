import { decodeListing, decodeMatches, type FileEntry, type FileMatch } from '../protocol/listing.ts';
import type { Ending } from '../protocol/messages.ts';
import { isUnclear, shownPath } from './file-path.ts';
import { kinds } from './file-problem.ts';
import { leftOut, shareShown } from './file-remarks.ts';

/** The lines of a listing or a search, and what is said beside them. */
export interface Findings {
  readonly lines: readonly string[];
  readonly remarks: readonly string[];
  readonly truncated: boolean;
}

/** Of a sandboxd of version 0.1.0. */
const OLD_PATHS = 'paths are given from the folder that was listed or searched';
const OLD_SEARCH = 'searched as a POSIX extended regular expression, the glob against file names';
const JSON_NAMES = 'names in double quotes are JSON strings';
export const LIST_ENTRIES = 2_000;
export const SEARCH_MATCHES = 500;

/** So many of the lines, from the first on, as fit into so many characters. */
function fitting(lines: readonly string[], characters: number): readonly string[] {
  let used = -1; // No line break before the first.
  const tooMany = lines.findIndex((line) => (used += line.length + 1) > characters);
  return tooMany < 0 ? lines : lines.slice(0, tooMany);
}

const form = ({ facts }: Ending) => (facts === undefined ? 'names' : 'paths');

const jsonNames = (items: readonly { readonly path: string }[]): string | null =>
  items.some(({ path }) => isUnclear(path)) ? JSON_NAMES : null;

function findings(
  lines: readonly string[],
  remarks: readonly (string | null)[],
  truncated: boolean,
): Findings {
  return { lines, remarks: remarks.filter((remark) => remark !== null), truncated };
}

export function listingOf(ending: Ending, depth: number, characters: number): Findings {
  const { items, truncated } = decodeListing(ending.payload, form(ending));
  const lines = fitting(items.map(entryLine), characters);
  const found = { count: items.length, truncated };
  const share = shareShown(ending.facts, lines.length, found, { many: 'entries', most: LIST_ENTRIES });
  const remarks = [
    items.length === 0 && ending.facts !== undefined ? 'empty folder' : null,
    share,
    ending.facts === undefined ? OLD_PATHS : null,
    ...leftOut(ending.facts ?? {}, depth),
    jsonNames(items),
  ];
  return findings(lines, remarks, truncated || share !== null);
}

function entryLine({ path, type, sizeBytes, target }: FileEntry): string {
  const name = shownPath(path);
  if (type === 'folder') return `${name}/`;
  if (type === 'file') return `${name}  ${String(sizeBytes)}`;
  if (type === 'link') return `${name} -> ${target === null ? '(a symbolic link)' : shownTarget(target)}`;
  return `${name}  (${kinds[type] ?? type})`;
}

const shownTarget = (target: string): string => (isUnclear(target) ? JSON.stringify(target) : target);

/** What a search was asked for. */
interface Asked {
  readonly pattern: string;
  readonly glob: string | null;
  readonly depth: number;
}

export function matchesOf(ending: Ending, asked: Asked, characters: number): Findings {
  const { items, truncated } = decodeMatches(ending.payload, form(ending));
  const lines = fitting(items.map(matchLine), characters);
  const found = { count: items.length, truncated };
  const share = shareShown(ending.facts, lines.length, found, { many: 'matches', most: SEARCH_MATCHES });
  const remarks = [
    ...(items.length === 0 ? noMatchRemarks(ending, asked) : [share]),
    ...leftOut(ending.facts ?? {}, asked.depth),
    ...(ending.facts === undefined ? [OLD_SEARCH, items.length > 0 ? OLD_PATHS : null] : []),
    jsonNames(items),
  ];
  return findings(items.length === 0 ? [nothing(ending)] : lines, remarks, truncated || share !== null);
}

function nothing({ facts }: Ending): string {
  if (facts?.searchedFiles === 0) return 'nothing was searched';
  return facts?.outOfTime === 1 ? 'no match so far' : 'no match';
}

function noMatchRemarks({ facts }: Ending, { pattern, glob }: Asked): (string | null)[] {
  const { searchedFiles, links = 0 } = facts ?? {};
  const none =
    glob === null ? 'there is no file to search' : `no file matches the glob ${JSON.stringify(glob)}`;
  return [
    searchedFiles === 0 ? none : null,
    searchedFiles === undefined || searchedFiles === 0 ? null : `files searched: ${String(searchedFiles)}`,
    links > 0 ? `symbolic links not followed: ${String(links)}` : null,
    /\\[<>]/.test(pattern) ? '\\< and \\> stand for the edges of a word' : null,
    pattern.includes('\\|') ? '\\| stands for the character |; alternatives are separated by | alone' : null,
  ];
}

function matchLine({ path, line, text, textBytes, skippedBytes, lineBytes }: FileMatch): string {
  const name = shownPath(path);
  if (line === 0) return `${name}: the file is binary, and matches`;
  const cut =
    textBytes < lineBytes
      ? ` [bytes ${String(skippedBytes)} to ${String(skippedBytes + textBytes - 1)} of a line of ${String(lineBytes)}]`
      : '';
  return `${name}:${String(line)}:${text}${cut}`;
}
