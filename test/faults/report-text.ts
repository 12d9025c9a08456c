import { table } from '../../src/cli/terminal.ts';
import type { ChaosResult } from './chaos.ts';
import { LABELS } from './judge.ts';
import type { CaseResult } from './play.ts';
import type { Tally } from './tally.ts';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const percent = (share: number | null): string => (share === null ? '-' : `${(100 * share).toFixed(1)} %`);

export function caseText({ name, durationMs, recoveriesMs, problems }: CaseResult): string {
  const recovered = recoveriesMs.length === 0 ? '' : `, back after ${recoveriesMs.map(seconds).join(', ')}`;
  const line = `${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds(durationMs)}${recovered})`;
  return [line, ...problems.map((problem) => `         ${problem}`)].join('\n');
}

export function chaosText({
  faults,
  recoveriesByWhatMs,
  hitRollouts,
  unharmedRollouts,
}: ChaosResult): string {
  const slowest = (times: readonly number[]): number | null =>
    times.length === 0 ? null : Math.max(...times);
  const back = Object.entries(recoveriesByWhatMs).map(([what, times]) => [
    what,
    times.length,
    median(times),
    slowest(times),
  ]);
  return [
    '',
    table(['fault', 'times'], Object.entries(faults).toSorted()),
    '',
    table(['killed and started again', 'times', 'answers after, median ms', 'at most ms'], back),
    '',
    `Rollouts that faults were aimed at: ${String(hitRollouts)}; every call answered right: ${String(unharmedRollouts)}`,
  ].join('\n'); // prettier-ignore
}

function median(times: readonly number[]): number | null {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? null;
}

export function tallyText(found: Tally): string {
  const { matrix } = found;
  const rows = LABELS.filter((truth) => matrix[truth] !== undefined);
  const columns = LABELS.filter((verdict) => rows.some((truth) => (matrix[truth]?.[verdict] ?? 0) > 0));
  return [
    '',
    `Truth (rows) and verdict (columns) of ${String(found.calls)} calls; infra judged ok: answered as if nothing had been`,
    table(['truth', ...columns], rows.map((truth) => [truth, ...columns.map((verdict) => matrix[truth]?.[verdict] ?? 0)])),
    '',
    table(
      ['class', 'n', 'precision', 'recall'],
      found.classes.map(({ label, truth, precision, recall }) => [label, truth, percent(precision), percent(recall)]),
    ),
    '',
    table(['', 'count', 'of'], [
      ['good calls charged to the model', found.wrongModel, found.good],
      ['own failures excused as infrastructure', found.wrongInfra, found.ownFailures],
      ['hit good calls answered all the same', found.transparent, found.hit],
      ['commands that ran twice', found.duplicates, found.counted],
      ['answers lost or changed', found.lost, found.compared],
    ]),
  ].join('\n'); // prettier-ignore
}
