import type { Outcome } from '../outcome/causes.ts';

/** Something recorded that the rules of now do not derive from the recorded evidence. */
export interface Difference {
  /** `loss`: of a sandbox, in `rollout_lost` or `rollout_displaced`. `verdict`: in `rollout_ended` or `graded`. */
  readonly of: 'call' | 'loss' | 'verdict';
  readonly at: string;
  readonly rollout: string;
  readonly namedJob: string | null;
  /** Null if it is not about one call. */
  readonly call: string | null;
  readonly recorded: string;
  /** Null if these rules can't judge the evidence. */
  readonly derived: string | null;
  /** Number of the rules that judged; null for a verdict, which follows from outcomes. */
  readonly rules: number | null;
  readonly why: string;
  /** What replaces the recorded outcome. Null for a verdict, and where these rules can't judge the evidence. */
  readonly outcome: Outcome | null;
}

/** An outcome in one line, such as `infra/sandbox_killed, executed: unknown`. */
export function outcomeText({ attribution, cause, executed }: Outcome): string {
  return `${attribution}/${cause}, executed: ${executed}`;
}
