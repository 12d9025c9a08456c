import { causes, type Attribution, type CauseCode } from '../outcome/causes.ts';

/** Finished calls by attribution. `calls` is always their sum plus `pending`. */
export interface Counts {
  readonly calls: number;
  readonly pending: number;
  readonly ok: number;
  readonly model: number;
  /** Hit by infrastructure and answered all the same, in a sandbox rebuilt by replay. Counted here alone. */
  readonly recovered: number;
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
  /** `replay`: its sandbox was rebuilt at least once. What no call ever printed could not be compared. */
  readonly recovered: 'replay' | null;
  readonly counts: Counts;
}

/** A call as far as the verdict looks at it. Without a cause it has no ending yet. */
export interface JudgedCall {
  readonly cause: CauseCode | null;
  /** It was sent to more than one sandbox. */
  readonly recovered: boolean;
}

/** Where a finished call is counted. */
type Column = Attribution | 'recovered';

/**
 * Folds the causes of a rollout's calls into its verdict. `end` is the cause that ended the rollout outside any
 * call, such as a sandbox lost between calls; `recoveries` how often its sandbox was rebuilt.
 */
export function verdictOf(calls: readonly JudgedCall[], end: CauseCode | null, recoveries: number): Verdict {
  const finished = calls.flatMap(({ cause, recovered }) => (cause === null ? [] : [{ cause, recovered }]));
  const tally = (wanted: Column): number => finished.filter((call) => columnOf(call) === wanted).length;
  const counts = {
    calls: calls.length,
    pending: calls.length - finished.length,
    ok: tally('ok'),
    model: tally('model'),
    recovered: tally('recovered'),
    infra: tally('infra'),
    task: tally('task'),
    client: tally('client'),
    undetermined: tally('undetermined'),
  };
  const endings = [...finished.map(({ cause }) => cause), ...(end === null ? [] : [end])];
  const reasons = [...new Set(endings.filter((cause) => causes[cause].excludes))];
  const recovered = recoveries > 0 ? 'replay' : null;
  if (reasons.length > 0) return { verdict: 'exclude', reasons, recovered, counts };
  return { verdict: counts.pending > 0 ? 'pending' : 'valid', reasons, recovered, counts };
}

function columnOf({ cause, recovered }: { cause: CauseCode; recovered: boolean }): Column {
  const { attribution } = causes[cause];
  return recovered && (attribution === 'ok' || attribution === 'model') ? 'recovered' : attribution;
}
