import type { EventOf, JournalEvent } from '../journal/event.ts';
import { causes, type CauseCode } from '../outcome/causes.ts';
import { verdictOf, type JudgedCall, type Verdict } from './verdict.ts';

/** A call as far as the verdict looks at it. */
interface RecordedCall {
  /** Of its last ending; null before the first. */
  cause: CauseCode | null;
  /** Given to a sandbox after that ending. */
  running: boolean;
  /** The life of the controller in which it was reopened after that ending. */
  reopenedIn: number | null;
  attempts: number;
  sandbox: string | null;
}

/** What a rollout's verdict needs of its events. */
export interface RecordedRollout {
  readonly calls: Map<string, RecordedCall>;
  /** Faulty requests, one each. */
  readonly faults: CauseCode[];
  /** Faulty requests that the end of the rollout names. They count where their own lines were lost. */
  readonly namedFaults: CauseCode[];
  loss: CauseCode | null;
  displaced: boolean;
  recoveries: number;
}

export const newRecord = (): RecordedRollout => ({
  ...{ calls: new Map(), faults: [], namedFaults: [], loss: null, displaced: false, recoveries: 0 },
});

/**
 * Adds an event to what is known of its rollout. `life`: number of `controller_started` so far. `cause`: replaces the
 * recorded cause of an ending or a loss.
 *
 * A call's final ending is its last `call_finished`, unless it was given to a sandbox after it, or reopened after it in the
 * present life of the controller. The views of the reports have the same rule.
 */
export function foldInto(
  record: RecordedRollout,
  event: JournalEvent,
  life: number,
  cause?: CauseCode,
): void {
  switch (event.type) {
    case 'sandbox_claimed':
      if (record.displaced) record.recoveries += 1;
      record.displaced = false;
      return;
    case 'rollout_displaced':
      record.displaced = true;
      return;
    case 'call_intended':
      intended(callOf(record, event.call), event);
      return;
    case 'call_finished':
      finished(callOf(record, event.call), event, cause);
      return;
    case 'call_reopened':
      callOf(record, event.call).reopenedIn = life;
      return;
    case 'call_refused':
      record.faults.push(event.cause);
      return;
    case 'rollout_lost':
    case 'graded':
      lost(record, event, cause);
      return;
    case 'rollout_ended':
      record.namedFaults.push(...event.reasons.filter(isClientFault));
      return;
    case 'rejudged':
      rejudged(record, event);
      return;
    default:
      return;
  }
}

/** The verdict by what was folded so far. */
export function verdictOfRecord(record: RecordedRollout, life: number): Verdict {
  const calls = record.calls.values().map((call): JudgedCall => ({
    cause: isFinal(call, life) ? call.cause : null,
    recovered: call.attempts > 1,
  }));
  const named = new Set(record.namedFaults.filter((cause) => !record.faults.includes(cause)));
  const faults = [...record.faults, ...named].map((cause) => ({ cause, recovered: false }));
  return verdictOf([...calls, ...faults], record.loss, record.recoveries);
}

function isFinal({ cause, running, reopenedIn }: RecordedCall, life: number): boolean {
  return cause !== null && !running && reopenedIn !== life;
}

function callOf(record: RecordedRollout, id: string): RecordedCall {
  const known = record.calls.get(id);
  if (known !== undefined) return known;
  const call: RecordedCall = { cause: null, running: false, reopenedIn: null, attempts: 0, sandbox: null };
  record.calls.set(id, call);
  return call;
}

function intended(call: RecordedCall, { sandbox }: EventOf<'call_intended'>): void {
  if (call.sandbox !== sandbox) call.attempts += 1;
  call.sandbox = sandbox;
  call.running = true;
}

function finished(call: RecordedCall, event: EventOf<'call_finished'>, cause?: CauseCode): void {
  call.cause = cause ?? event.outcome.cause;
  call.attempts = Math.max(call.attempts, event.attempts ?? 0);
  call.running = false;
  call.reopenedIn = null;
}

/** A grading is a loss where the gate found that calls were lost. */
function lost(
  record: RecordedRollout,
  event: EventOf<'rollout_lost'> | EventOf<'graded'>,
  cause?: CauseCode,
): void {
  if (event.type === 'rollout_lost') record.loss ??= cause ?? event.cause;
  else if (event.reasons.includes('calls_never_arrived')) record.loss ??= 'calls_never_arrived';
}

function rejudged(record: RecordedRollout, { call: id, outcome, was }: EventOf<'rejudged'>): void {
  if (id === null) {
    if (record.loss === was.cause) record.loss = outcome.cause;
    return;
  }
  const call = callOf(record, id);
  if (call.cause === was.cause) call.cause = outcome.cause;
}

function isClientFault(reason: string): reason is CauseCode {
  return Object.hasOwn(causes, reason) && causes[reason as CauseCode].attribution === 'client';
}
