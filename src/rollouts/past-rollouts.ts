import type { EventOf, InRollout, JournalEvent } from '../journal/event.ts';
import type { Position } from '../journal/journal.ts';
import { rolloutKey } from '../kernel/ids.ts';
import type { CauseCode } from '../outcome/causes.ts';
import type { SandboxHandle } from '../sandbox/sandbox.ts';
import type { CallEnding, CallIntent } from './call.ts';
import { ownTimeMs } from './command-time.ts';
import { endOf, job010 } from './kept-verdict.ts';
import type { Displacement, RolloutEnd, Upload } from './rollout.ts';

/** A call as the journal records it. Without an ending it was intended, and its result never became durable. */
export interface PastCall {
  readonly callId: string;
  /** As in the events. */
  readonly clientCall?: string | undefined;
  readonly occurrence?: number | undefined;
  readonly tool: string;
  readonly argumentsSha256: string;
  readonly at: number;
  /** As the model gave them; null where the call never reached a sandbox. */
  readonly arguments: unknown;
  readonly intent: CallIntent | null;
  ending: CallEnding | null;
  /** Calls of the rollout that had begun when its answer had been sent; null where that is not recorded. */
  callsAtDelivery: number | null;
}

/** A rollout as the journal records it. */
export interface PastRollout {
  readonly id: string;
  /** The job that its requests name; null where they name none. */
  readonly namedJob: string | null;
  readonly task: string;
  readonly job: string;
  readonly openedAt: number;
  readonly unsure: boolean;
  handle: SandboxHandle | null;
  displacement: Displacement | null;
  recoveries: number;
  readonly uploads: Upload[];
  lossCause: CauseCode | null;
  end: RolloutEnd | null;
  /** How long commands of its finished calls ran. */
  commandsMs: number;
  lastNumber: number;
  lastActivityAt: number;
  readonly calls: Map<string, PastCall>;
  readonly clientFaults: CauseCode[];
}

/**
 * Folds the journal into its rollouts, oldest first. A reopened call keeps its former ending until it is intended again:
 * before that the journal doesn't hold its arguments, so only a repeated request can continue it.
 */
export class PastRollouts {
  readonly byKey = new Map<string, PastRollout>();
  /** Rollouts of 0.1.0 under a named job, which their later events don't repeat. */
  readonly #named010 = new Map<string, PastRollout>();

  add(event: JournalEvent, position: Position): void {
    if (event.type === 'rollout_opened') this.#opened(event, Date.parse(event.at));
    else if ('rollout' in event && event.rollout !== null)
      this.#with({ ...event, rollout: event.rollout }, (rollout) => {
        changeCalls(rollout, event, position);
        changeState(rollout, event);
      });
  }

  #opened(event: EventOf<'rollout_opened'>, at: number): void {
    const { rollout: id, task, job, unsure = false } = event;
    const former = job010(event);
    const namedJob = event.namedJob ?? former;
    const past: PastRollout = {
      id,
      namedJob,
      task,
      job,
      openedAt: at,
      unsure,
      handle: null,
      displacement: null,
      recoveries: 0,
      uploads: [],
      lossCause: null,
      end: null,
      commandsMs: 0,
      lastNumber: 0,
      lastActivityAt: at,
      calls: new Map(),
      clientFaults: [],
    };
    this.byKey.set(rolloutKey(id, namedJob), past);
    if (former !== null) this.#named010.set(id, past);
  }

  #with({ rollout: id, namedJob }: InRollout, change: (rollout: PastRollout) => void): void {
    const own = this.byKey.get(rolloutKey(id, namedJob));
    const rollout = own ?? (namedJob === undefined ? this.#named010.get(id) : undefined);
    if (rollout !== undefined) change(rollout);
  }
}

/** What an event says of the rollout's calls. */
function changeCalls(rollout: PastRollout, event: JournalEvent, position: Position): void {
  const at = Date.parse(event.at);
  switch (event.type) {
    case 'call_intended':
      intended(rollout, event, position, at);
      return;
    case 'call_finished':
      finished(rollout, event, position, at);
      return;
    case 'call_delivered':
      delivered(rollout, event);
      return;
    case 'call_reopened':
      rollout.lastActivityAt = at;
      return;
    case 'call_refused':
      rollout.clientFaults.push(event.cause);
      return;
    case 'rejudged':
      rejudged(rollout, event);
      return;
    default:
      return;
  }
}

/** What an event says of the rollout's sandbox and its end. */
function changeState(rollout: PastRollout, event: JournalEvent): void {
  switch (event.type) {
    case 'sandbox_claimed':
      claimed(rollout, event);
      return;
    case 'rollout_displaced':
      rollout.displacement = event;
      return;
    case 'file_uploaded':
      uploaded(rollout, event);
      return;
    case 'rollout_lost':
      rollout.lossCause ??= event.cause;
      return;
    case 'rollout_ended':
      rollout.end = endOf(event);
      return;
    case 'graded':
      if (event.reasons.includes('calls_never_arrived')) rollout.lossCause ??= 'calls_never_arrived';
      return;
    default:
      return;
  }
}

function claimed(rollout: PastRollout, event: EventOf<'sandbox_claimed'>): void {
  rollout.handle = event.handle;
  if (rollout.displacement !== null) rollout.recoveries += 1;
  rollout.displacement = null;
}

function uploaded(rollout: PastRollout, { path, sha256, place = 0 }: EventOf<'file_uploaded'>): void {
  rollout.uploads.push({ number: place, path, sha256 });
  rollout.lastNumber = Math.max(rollout.lastNumber, place);
}

function intended(
  rollout: PastRollout,
  event: EventOf<'call_intended'>,
  position: Position,
  at: number,
): void {
  const { call: callId, clientCall, occurrence, tool, argumentsSha256, number, sandbox } = event;
  const before = rollout.calls.get(callId);
  const earlier = before?.intent ?? null;
  const attempts = (earlier?.attempts ?? 0) + (earlier?.sandbox === sandbox ? 0 : 1);
  rollout.calls.set(callId, {
    ...{ callId, clientCall, occurrence, tool, argumentsSha256 },
    at: before?.at ?? at,
    arguments: event.arguments,
    intent: { number, sandbox, attempts, position },
    ending: null,
    callsAtDelivery: null,
  });
  rollout.lastNumber = Math.max(rollout.lastNumber, number);
  rollout.lastActivityAt = at;
}

function finished(
  rollout: PastRollout,
  event: EventOf<'call_finished'>,
  position: Position,
  at: number,
): void {
  const { call: callId, clientCall, occurrence, tool, argumentsSha256, outcome, status, durationMs } = event;
  const call = rollout.calls.get(callId) ?? {
    ...{ callId, clientCall, occurrence, tool, argumentsSha256, at },
    ...{ arguments: null, intent: null, ending: null, callsAtDelivery: null },
  };
  call.ending = { outcome, status, durationMs, position };
  rollout.calls.set(callId, call);
  rollout.commandsMs += ownTimeMs(event, event.result?.duration_ms ?? 0);
  rollout.lastActivityAt = at;
}

function delivered(rollout: PastRollout, { call, callsBegun }: EventOf<'call_delivered'>): void {
  const past = rollout.calls.get(call);
  if (past !== undefined) past.callsAtDelivery ??= callsBegun;
}

/** Replaces the outcome of the last ending or of the loss, if it is the one that was judged again. */
function rejudged(rollout: PastRollout, { call: id, outcome, was }: EventOf<'rejudged'>): void {
  if (id === null) {
    if (rollout.lossCause === was.cause) rollout.lossCause = outcome.cause;
    return;
  }
  const call = rollout.calls.get(id);
  if (call?.ending?.outcome.cause === was.cause) call.ending = { ...call.ending, outcome };
}
