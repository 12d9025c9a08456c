import { causes, type Attribution, type CauseCode } from '../outcome/causes.ts';

/** Finished calls by whose doing their ending was. `calls` is always their sum plus `pending`. */
export interface Counts {
  readonly calls: number;
  readonly pending: number;
  readonly ok: number;
  readonly model: number;
  readonly infra: number;
  readonly task: number;
  readonly client: number;
  readonly undetermined: number;
}

/** Whether a grader may train on the rollout. */
export interface Verdict {
  readonly verdict: 'valid' | 'exclude' | 'pending';
  /** Cause codes that exclude, each once, in order of appearance. */
  readonly reasons: readonly CauseCode[];
  readonly counts: Counts;
}

const attributions: readonly Attribution[] = ['ok', 'model', 'infra', 'task', 'client', 'undetermined'];

/**
 * Folds the causes of a rollout's calls into its verdict. `null` stands for a call without an ending yet;
 * `end` is the cause that ended the rollout outside any call, such as a sandbox lost between calls.
 */
export function verdictOf(calls: readonly (CauseCode | null)[], end: CauseCode | null): Verdict {
  const finished = calls.filter((cause) => cause !== null);
  const tally = (wanted: Attribution): number =>
    finished.filter((cause) => causes[cause].attribution === wanted).length;
  const [ok, model, infra, task, client, undetermined] = attributions.map(tally) as [
    number, number, number, number, number, number,
  ]; // prettier-ignore
  const pending = calls.length - finished.length;
  const endings = end === null ? finished : [...finished, end];
  const reasons = [...new Set(endings.filter((cause) => causes[cause].excludes))];
  const counts = { calls: calls.length, pending, ok, model, infra, task, client, undetermined };
  if (reasons.length > 0) return { verdict: 'exclude', reasons, counts };
  return { verdict: pending > 0 ? 'pending' : 'valid', reasons, counts };
}
