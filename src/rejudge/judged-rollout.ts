import type { JournalEvent } from '../journal/event.ts';
import { attribute } from '../outcome/attribute.ts';
import type { CauseCode, Outcome } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import { foldInto, newRecord, verdictOfRecord, type RecordedRollout } from '../rollouts/recorded-rollout.ts';
import type { Verdict } from '../rollouts/verdict.ts';

/** A recorded cause, and what it is by the rules of now. */
interface Loss {
  readonly recorded: CauseCode;
  readonly derived: CauseCode;
}

/** What has been read of a rollout, with the causes of now. Plain data but for the map in `record`. */
export interface JudgedRollout {
  readonly record: RecordedRollout;
  /** Its beginning is in the journal, so that its verdict can be derived. */
  whole: boolean;
  /** How its sandboxes were lost, newest last. */
  readonly losses: Loss[];
  /** The last changes of a verdict, newest last, each with the state of its call before. */
  readonly changes: Change[];
  /** An outcome was replaced by `faultline rejudge --write`; the verdicts said before that stay as they were said. */
  corrected: boolean;
}

type RecordedCall = NonNullable<ReturnType<RecordedRollout['calls']['get']>>;

type Change =
  | { readonly of: 'call'; readonly call: string; readonly before: RecordedCall | null }
  | { readonly of: 'fault' };

/** A call that is in no event yet: pending. */
const ARRIVED: RecordedCall = { cause: null, running: false, reopenedIn: null, attempts: 0, sandbox: null };

/** Endings that were on their way into the journal when a verdict was said; more than calls of a rollout can be at once. */
const MOST_CHANGES = 64;

export const newJudged = (): JudgedRollout => ({
  ...{ record: newRecord(), whole: false, losses: [], changes: [], corrected: false },
});

/**
 * The outcome of recorded evidence by the rules of now. Null if they can't judge it, as with evidence of a later version.
 * A call that found its sandbox lost has the cause of that loss.
 */
export function derive(rollout: JudgedRollout, evidence: Evidence): Outcome | null {
  try {
    if (evidence.kind !== 'lost_before') return attribute(evidence);
    const loss = rollout.losses.findLast(({ recorded }) => recorded === evidence.cause);
    return attribute({ ...evidence, cause: loss?.derived ?? evidence.cause });
  } catch {
    return null; // The caller reports it as a difference.
  }
}

/** Adds an event. `derived`: the cause that replaces the recorded one. */
export function take(rollout: JudgedRollout, event: JournalEvent, life: number, derived?: CauseCode): void {
  const { changes, record, losses } = rollout;
  if (event.type === 'rollout_opened') rollout.whole = true;
  if (event.type === 'rejudged') return; // The outcomes of now are derived; the recorded ones do not matter here.
  if (event.type === 'rollout_lost' || event.type === 'rollout_displaced')
    losses.push({ recorded: event.cause, derived: derived ?? event.cause });
  if (event.type === 'call_finished' || event.type === 'call_reopened') {
    const before = record.calls.get(event.call);
    changes.push({ of: 'call', call: event.call, before: before === undefined ? null : { ...before } });
  }
  if (event.type === 'call_refused') changes.push({ of: 'fault' });
  if (changes.length > MOST_CHANGES) changes.shift();
  foldInto(record, event, life, derived);
}

/**
 * The verdicts that the server may have said when it wrote a verdict at this position: of all that was recorded by then, and
 * of all but the last endings, which were written but not yet durable.
 */
export function* possibleVerdicts({ record, changes }: JudgedRollout, life: number): Iterable<Verdict> {
  yield verdictOfRecord(record, life);
  const earlier = { ...record, calls: new Map(record.calls), faults: [...record.faults] };
  for (const change of changes.toReversed()) {
    if (change.of === 'fault') earlier.faults.pop();
    else earlier.calls.set(change.call, change.before ?? ARRIVED);
    yield verdictOfRecord(earlier, life);
  }
}

export function judgedText({ record, ...rest }: JudgedRollout): string {
  return JSON.stringify({ ...rest, record: { ...record, calls: [...record.calls] } });
}

export function parseJudged(text: string): JudgedRollout {
  const { record, ...rest } = JSON.parse(text) as JudgedRollout & {
    record: { calls: [string, RecordedCall][] };
  };
  return { ...rest, record: { ...record, calls: new Map(record.calls) } };
}
