import { formatBytes } from '../../src/outcome/text.ts';
import { explain, NO_END, PAGE_MAPS, READS_ALL_OF_PROC, withoutProcesses } from './reasons.ts';
import type { Seen } from './seen.ts';

export interface Comparison {
  readonly verdict: 'equal' | 'explained' | 'different';
  /** Why a difference is none of the sandbox's, or what differs. Empty for `equal`. */
  readonly reason: string;
}

const OMISSION = /\n\[([\d,]+) bytes omitted\]\n/;

export const NOT_DETERMINISTIC = 'differs between two plain docker runs as well';

/**
 * Our answer against the same command in two identical plain containers, `first` and `second`.
 *
 * Equal to either is equal. Where the two differ, only what differs between them may differ in ours; anything
 * else needs a rule of `reasons.ts`, and without one it is a difference that somebody has to look at.
 */
export function compare(command: string, ours: Seen, first: Seen, second: Seen): Comparison {
  if (same(ours, first) || same(ours, second)) return { verdict: 'equal', reason: '' };
  if (!same(first, second) && agreesWhereStable(ours, first, second)) {
    return { verdict: 'explained', reason: NOT_DETERMINISTIC };
  }
  const reason = endlessReason(command, ours, first) ?? explain(command, ours, first);
  if (reason !== null) return { verdict: 'explained', reason };
  return { verdict: 'different', reason: describe(ours, first) };
}

/** Whether two runs can't be told apart. The first may have its middle left out. */
export function same(a: Seen, b: Seen): boolean {
  return a.exitCode === b.exitCode && sameText(a.stdout, b.stdout) && sameText(a.stderr, b.stderr);
}

/** Why one or both did not end by themselves, provided that one printed the beginning of what the other did. */
function endlessReason(command: string, ours: Seen, plain: Seen): string | null {
  const endless = [ours, plain].filter(({ exitCode }) => exitCode === null).length;
  if (!isBeginning(ours.stdout, plain.stdout) || !isBeginning(ours.stderr, plain.stderr)) return null;
  if (endless === 2) return NO_END;
  return endless === 1 && READS_ALL_OF_PROC.test(command) ? PAGE_MAPS : null;
}

function isBeginning(ours: string, plain: string): boolean {
  const [mine = ''] = ours.split(OMISSION);
  const [a, b] = [withoutProcesses(mine), withoutProcesses(plain)];
  return a.startsWith(b) || b.startsWith(a);
}

/** `ours` may have its middle left out; then beginning, end and the number of bytes between must agree. */
export function sameText(ours: string, whole: string): boolean {
  if (ours === whole) return true;
  for (const marker of ours.matchAll(new RegExp(OMISSION, 'g'))) {
    const head = ours.slice(0, marker.index);
    const tail = ours.slice(marker.index + marker[0].length);
    const missing = Buffer.byteLength(whole) - Buffer.byteLength(head) - Buffer.byteLength(tail);
    if (formatBytes(missing) === marker[1] && whole.startsWith(head) && whole.endsWith(tail)) return true;
  }
  return false;
}

function agreesWhereStable(ours: Seen, first: Seen, second: Seen): boolean {
  if (first.exitCode === second.exitCode && ours.exitCode !== first.exitCode) return false;
  return (
    stableLinesAgree(ours.stdout, first.stdout, second.stdout) &&
    stableLinesAgree(ours.stderr, first.stderr, second.stderr)
  );
}

/** Line by line: where both references have the same line, ours has it too. Only then is the rest the command's own chance. */
function stableLinesAgree(ours: string, first: string, second: string): boolean {
  if (first === second) return sameText(ours, first);
  const [mine, one, other] = [ours.split('\n'), first.split('\n'), second.split('\n')];
  if (one.length !== other.length) return true;
  if (mine.length !== one.length) return false;
  return one.every((line, index) => line !== other[index] || mine[index] === line);
}

function describe(ours: Seen, plain: Seen): string {
  const parts: string[] = [];
  if (ours.exitCode !== plain.exitCode) parts.push(`exit code ${ending(ours)} instead of ${ending(plain)}`);
  if (!sameText(ours.stdout, plain.stdout))
    parts.push(`stdout: ${firstDifference(ours.stdout, plain.stdout)}`);
  if (!sameText(ours.stderr, plain.stderr))
    parts.push(`stderr: ${firstDifference(ours.stderr, plain.stderr)}`);
  return parts.join('; ');
}

function ending(seen: Seen): string {
  return seen.exitCode === null ? 'none (time limit)' : String(seen.exitCode);
}

function firstDifference(ours: string, plain: string): string {
  const [mine, theirs] = [ours.split('\n'), plain.split('\n')];
  const index = mine.findIndex((line, position) => line !== theirs[position]);
  const line = index === -1 ? mine.length : index;
  return `line ${String(line + 1)} is ${quote(mine[line])} instead of ${quote(theirs[line])}`;
}

function quote(line: string | undefined): string {
  return line === undefined ? 'missing' : JSON.stringify(line.length > 100 ? `${line.slice(0, 100)}…` : line);
}
