import type { Judgement, Label } from './judge.ts';
import type { CaseResult } from './play.ts';

export interface ClassScore {
  readonly label: Label;
  readonly truth: number;
  /** Of the verdicts of this class, the share whose truth it was; null where there were none. */
  readonly precision: number | null;
  /** Of what truly was of this class, the share that was seen so, or never showed. */
  readonly recall: number | null;
}

/** What all cases together say. */
export interface Tally {
  readonly calls: number;
  /** Calls by truth, then by verdict. */
  readonly matrix: Readonly<Partial<Record<Label, Partial<Record<Label, number>>>>>;
  readonly classes: readonly ClassScore[];
  /** Good calls that a fault hit, and of them those answered as if nothing had been. */
  readonly hit: number;
  readonly transparent: number;
  readonly good: number;
  /** Of good calls: charged to the model. Must be 0. */
  readonly wrongModel: number;
  readonly ownFailures: number;
  /** Of the model's own failures: excused as infrastructure. Must be 0. */
  readonly wrongInfra: number;
  readonly counted: number;
  readonly duplicates: number;
  readonly compared: number;
  readonly lost: number;
}

const CLASSES: readonly Label[] = ['ok', 'model', 'infra', 'task', 'client'];

/** Verdicts that mean the class: what our own evidence was too blind for is excluded like infrastructure. */
const counts: (verdict: Label) => Label = (verdict) => (verdict === 'blind' ? 'infra' : verdict);

export function tally(results: readonly CaseResult[]): Tally {
  const all = results.flatMap(({ judgements }) => judgements);
  const hit = all.filter(({ hit: was, own }) => was && own === 'ok');
  const sum = (field: keyof CaseResult['counts']): number =>
    results.reduce((total, result) => total + result.counts[field], 0);
  return {
    calls: all.length,
    matrix: matrixOf(all),
    classes: CLASSES.map((label) => scoreOf(label, all)),
    hit: hit.length,
    transparent: hit.filter(({ verdict }) => verdict === 'ok').length,
    good: all.filter(({ own }) => own === 'ok').length,
    wrongModel: all.filter(({ own, verdict }) => own === 'ok' && verdict === 'model').length,
    ownFailures: all.filter(({ truth }) => truth === 'model').length,
    wrongInfra: all.filter(({ truth, verdict }) => truth === 'model' && counts(verdict) === 'infra').length,
    counted: sum('counted'),
    duplicates: sum('duplicates'),
    compared: sum('compared'),
    lost: sum('lost'),
  };
}

function matrixOf(all: readonly Judgement[]): Tally['matrix'] {
  const matrix: Partial<Record<Label, Partial<Record<Label, number>>>> = {};
  for (const { truth, verdict } of all) {
    const row = (matrix[truth] ??= {});
    row[verdict] = (row[verdict] ?? 0) + 1;
  }
  return matrix;
}

function scoreOf(label: Label, all: readonly Judgement[]): ClassScore {
  const truth = all.filter((one) => one.truth === label);
  // A hit call that was answered as if nothing had been is right for both what it was and what hit it.
  const seen = all.filter((one) => counts(one.verdict) === label && !isTransparent(one));
  const found = truth.filter((one) => counts(one.verdict) === label || isTransparent(one));
  const correct = seen.filter((one) => one.truth === label);
  return {
    label,
    truth: truth.length,
    precision: share(correct.length, seen.length),
    recall: share(found.length, truth.length),
  };
}

function isTransparent({ truth, own, verdict }: Judgement): boolean {
  return truth === 'infra' && verdict === own;
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
