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

/**
 * `valid`, `exclude`, `pending`: of the rollout's calls. `no_tool_call`: this server has never seen the id, and would know.
 * `unknown`: it doesn't have the id, or not all of it, and records are missing.
 */
export const VERDICTS = ['valid', 'exclude', 'pending', 'no_tool_call', 'unknown'] as const;

/** Whether a grader may train on the rollout. */
export interface Verdict {
  readonly verdict: (typeof VERDICTS)[number];
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

/** Calls that are counted already, and the causes among them that exclude, one for each call. */
export interface Tally {
  readonly counts: Counts;
  readonly reasons: readonly CauseCode[];
}

export const EMPTY_TALLY: Tally = {
  counts: {
    calls: 0,
    pending: 0,
    ok: 0,
    model: 0,
    recovered: 0,
    infra: 0,
    task: 0,
    client: 0,
    undetermined: 0,
  },
  reasons: [],
};

/** Where a call is counted. */
type Column = Attribution | 'recovered' | 'pending';

/** The tally with further calls. The only place where a cause becomes a count and a reason. */
export function tallyWith(before: Tally, calls: Iterable<JudgedCall>): Tally {
  const counts = { ...before.counts };
  const reasons = [...before.reasons];
  for (const call of calls) {
    counts.calls += 1;
    counts[columnOf(call)] += 1;
    if (call.cause !== null && causes[call.cause].excludes) reasons.push(call.cause);
  }
  return { counts, reasons };
}

/** The tally after one of its calls was judged again (`faultline rejudge --write`). */
export function retally(before: Tally, was: CauseCode, now: CauseCode): Tally {
  const former = causes[was].attribution;
  const counts = { ...before.counts };
  const column = counts[former] > 0 ? former : 'recovered';
  if (counts[column] === 0) return before; // The call is not among those that are counted.
  counts[column] -= 1;
  counts[columnOf({ cause: now, recovered: column === 'recovered' })] += 1;
  const at = before.reasons.indexOf(was);
  const reasons = at < 0 ? [...before.reasons] : before.reasons.toSpliced(at, 1);
  return { counts, reasons: causes[now].excludes ? [...reasons, now] : reasons };
}

/**
 * The verdict on a rollout's calls. `end` is the cause that ended the rollout outside any call, such as a sandbox lost
 * between calls. `doubtful`: calls may be missing from the tally.
 */
export function judgeTally(
  tally: Tally,
  { end, recoveries, doubtful = false }: { end: CauseCode | null; recoveries: number; doubtful?: boolean },
): Verdict {
  const { counts } = tally;
  const own = end !== null && causes[end].excludes ? [end] : [];
  const reasons = [...new Set([...tally.reasons, ...own])];
  const recovered = recoveries > 0 ? 'replay' : null;
  if (reasons.length > 0) return { verdict: 'exclude', reasons, recovered, counts };
  if (counts.pending > 0) return { verdict: 'pending', reasons, recovered, counts };
  return { verdict: doubtful ? 'unknown' : 'valid', reasons, recovered, counts };
}

/** The verdict on calls that are all at hand. `recoveries`: how often the sandbox was rebuilt. */
export function verdictOf(calls: readonly JudgedCall[], end: CauseCode | null, recoveries: number): Verdict {
  return judgeTally(tallyWith(EMPTY_TALLY, calls), { end, recoveries });
}

function columnOf({ cause, recovered }: JudgedCall): Column {
  if (cause === null) return 'pending';
  const { attribution } = causes[cause];
  return recovered && (attribution === 'ok' || attribution === 'model') ? 'recovered' : attribution;
}
