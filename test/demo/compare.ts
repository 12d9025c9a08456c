import { formatBytes } from '../../src/outcome/text.ts';
import { explain, NO_END, PAGE_MAPS, READS_ALL_OF_PROC, withoutProcesses } from './reasons.ts';
import type { Seen } from './seen.ts';

export interface Comparison {
  readonly verdict: 'equal' | 'explained' | 'different';
  /** Why the sandbox does not cause the difference, or what differs. Empty for `equal`. */
  readonly reason: string;
}

const OMISSION = /\n\[([\d,]+) bytes omitted\]\n/;

export const NOT_DETERMINISTIC = 'differs between two plain docker runs too';

/**
 * Compares faultline's answer with the same command in two identical plain containers, `first` and `second`.
 *
 * An answer equal to either of them is equal. If the two differ, our answer may differ in the same places. Every other
 * difference needs a rule in `reasons.ts`; without one the result is `different`, and a person must look at it.
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

/** Whether two runs have the same result. The first may omit its middle. */
export function same(a: Seen, b: Seen): boolean {
  return a.exitCode === b.exitCode && sameText(a.stdout, b.stdout) && sameText(a.stderr, b.stderr);
}

/** Why one or both runs reached the time limit, if one output is a prefix of the other. */
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

/** `ours` may omit its middle; then beginning, end and the number of omitted bytes must agree. */
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

/** Whether every line that is equal in both references is equal in ours. Only then are other differences the command's own. */
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
