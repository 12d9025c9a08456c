import type { EventOf, JournalEvent } from '../journal/event.ts';
import { causes, type CauseCode } from '../outcome/causes.ts';
import type { RolloutEnd } from './rollout.ts';
import {
  EMPTY_TALLY,
  judgeTally,
  retally,
  tallyWith,
  type JudgedCall,
  type Tally,
  type Verdict,
} from './verdict.ts';

/** Calls whose ending may still come or be replaced, by call id: not ended yet, or ended as `queue_wait`. */
type OpenCalls = Readonly<Record<string, JudgedCall>>;

/** What the verdict index keeps of a rollout: what its verdict needs, and no call that can't change any more. */
export interface KeptVerdict {
  readonly task: string;
  readonly job: string;
  readonly openedAt: number;
  /** Written by 0.1.0 under a named job, which its later events don't repeat. */
  readonly named010: boolean;
  /** Its beginning is missing, or it was opened while records were missing. */
  readonly doubtful: boolean;
  readonly displaced: boolean;
  readonly recoveries: number;
  readonly loss: CauseCode | null;
  readonly end: RolloutEnd | null;
  /** Of the calls with their last ending. */
  readonly tally: Tally;
  readonly open: OpenCalls;
}

/** Events that change a verdict or how a rollout ends. */
const FOLDED = [
  'rollout_opened', 'sandbox_claimed', 'call_intended', 'call_finished', 'call_refused', 'rollout_displaced',
  'rollout_lost', 'rollout_ended', 'graded', 'rejudged',
] as const; // prettier-ignore
export type FoldedEvent = EventOf<(typeof FOLDED)[number]>;

const folded: ReadonlySet<string> = new Set(FOLDED);

/** Whether the event belongs in the index. A grading does only where it is the evidence that calls were lost. */
export function isFolded(event: JournalEvent): event is FoldedEvent {
  if (event.type === 'graded') return event.reasons.includes('calls_never_arrived');
  return folded.has(event.type);
}

/** The job under which 0.1.0 kept the rollout; null for an event of a later version, which says it itself. */
export function job010({ namedJob, job, task }: EventOf<'rollout_opened'>): string | null {
  return namedJob === undefined && job !== task ? job : null;
}

/** Pure. `before` is null for the first event of a rollout. `lossy`: the journal lacks records, perhaps this rollout's. */
export function foldEvent(before: KeptVerdict | null, event: FoldedEvent, lossy: boolean): KeptVerdict {
  if (event.type === 'rollout_opened') return openedAgain(before, opened(event));
  const kept = before ?? withoutBeginning(event);
  switch (event.type) {
    case 'sandbox_claimed':
      return claimed(kept);
    case 'rollout_displaced':
      return { ...kept, displaced: true };
    case 'call_intended':
      return { ...kept, open: { ...kept.open, [event.call]: { cause: null, recovered: false } } };
    case 'call_finished':
      return finished(kept, event);
    case 'call_refused':
      return { ...kept, tally: tallyWith(kept.tally, [{ cause: known(event.cause), recovered: false }]) };
    case 'rollout_lost':
      return lost(kept, known(event.cause));
    case 'graded':
      return lost(kept, 'calls_never_arrived');
    case 'rejudged':
      return rejudged(kept, event);
    case 'rollout_ended':
      return ended(kept, event, lossy);
  }
}

const lost = (kept: KeptVerdict, cause: CauseCode): KeptVerdict => ({ ...kept, loss: kept.loss ?? cause });

/** Of the call's last ending, or of the loss; another one is not replaced. */
function rejudged(kept: KeptVerdict, { call, outcome, was }: EventOf<'rejudged'>): KeptVerdict {
  const cause = known(outcome.cause);
  const before = known(was.cause);
  if (call === null) return kept.loss === before ? { ...kept, loss: cause } : kept;
  const open = kept.open[call];
  if (open === undefined) return { ...kept, tally: retally(kept.tally, before, cause) };
  return open.cause === before ? { ...kept, open: { ...kept.open, [call]: { ...open, cause } } } : kept;
}

function claimed(kept: KeptVerdict): KeptVerdict {
  return { ...kept, displaced: false, recoveries: kept.recoveries + (kept.displaced ? 1 : 0) };
}

function ended(kept: KeptVerdict, event: EventOf<'rollout_ended'>, lossy: boolean): KeptVerdict {
  return { ...(lossy ? withReasons(kept, event.reasons) : kept), end: kept.end ?? endOf(event) };
}

/** The end that an event records. 0.1.0 did not record times. */
export function endOf({ how, lifeMs, commandsMs }: EventOf<'rollout_ended'>): RolloutEnd {
  const known = lifeMs !== undefined && commandsMs !== undefined;
  return { how, ...(known && { lifeMs, commandsMs }) };
}

export function verdictOfKept(kept: KeptVerdict): Verdict {
  const { loss: end, recoveries, doubtful } = kept;
  return judgeTally(tallyWith(kept.tally, Object.values(kept.open)), { end, recoveries, doubtful });
}

function opened(event: EventOf<'rollout_opened'>): KeptVerdict {
  const { task, job, unsure = false } = event;
  return {
    ...NOTHING,
    task,
    job,
    openedAt: Date.parse(event.at),
    named010: job010(event) !== null,
    doubtful: unsure,
  };
}

/** Only where a journal is read again from its beginning: calls are counted anew, and what excluded goes on to exclude. */
function openedAgain(before: KeptVerdict | null, now: KeptVerdict): KeptVerdict {
  if (before === null) return now;
  const { loss, doubtful } = before;
  const tally = { ...EMPTY_TALLY, reasons: before.tally.reasons };
  return { ...now, loss, doubtful: doubtful || now.doubtful, tally };
}

/** A grading without calls has no beginning. Of any other event the beginning is lost. */
function withoutBeginning(event: FoldedEvent): KeptVerdict {
  return { ...NOTHING, openedAt: Date.parse(event.at), doubtful: event.type !== 'graded' };
}

const NOTHING: KeptVerdict = {
  ...{ task: '', job: '', openedAt: 0, named010: false, doubtful: false, displaced: false, recoveries: 0 },
  ...{ loss: null, end: null, tally: EMPTY_TALLY, open: {} },
};

/** The end of a rollout repeats why it is excluded; the calls that say so may be lost. */
function withReasons(kept: KeptVerdict, told: readonly string[]): KeptVerdict {
  const reasons = [...new Set([...kept.tally.reasons, ...told.map((cause) => known(cause as CauseCode))])];
  return { ...kept, tally: { ...kept.tally, reasons } };
}

function finished(kept: KeptVerdict, event: EventOf<'call_finished'>): KeptVerdict {
  const cause = known(event.outcome.cause);
  const call = { cause, recovered: (event.attempts ?? 1) > 1 };
  if (cause === 'queue_wait') return { ...kept, open: { ...kept.open, [event.call]: call } };
  const { [event.call]: _before, ...open } = kept.open;
  return { ...kept, open, tally: tallyWith(kept.tally, [call]) };
}

/** A code that only another version knows counts as evidence that was not available here. */
function known(cause: CauseCode): CauseCode {
  return Object.hasOwn(causes, cause) ? cause : 'blind';
}
