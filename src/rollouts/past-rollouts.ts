import type { EventOf, JournalEvent } from '../journal/event.ts';
import type { Position } from '../journal/journal.ts';
import type { CauseCode } from '../outcome/causes.ts';
import type { SandboxHandle } from '../sandbox/sandbox.ts';
import type { CallEnding, CallIntent } from './call.ts';
import type { Displacement, EndReason, Upload } from './rollout.ts';

/** A call as the journal records it. Without an ending it was intended, and its result never became durable. */
export interface PastCall {
  readonly callId: string;
  readonly tool: string;
  readonly argumentsSha256: string;
  readonly at: number;
  /** As the model gave them; null where the call never reached a sandbox. */
  readonly arguments: unknown;
  readonly intent: CallIntent | null;
  ending: CallEnding | null;
}

/** A rollout as the journal records it. */
export interface PastRollout {
  readonly id: string;
  readonly task: string;
  readonly job: string;
  readonly openedAt: number;
  handle: SandboxHandle | null;
  displacement: Displacement | null;
  recoveries: number;
  readonly uploads: Upload[];
  lossCause: CauseCode | null;
  endReason: EndReason | null;
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
  readonly byId = new Map<string, PastRollout>();

  add(event: JournalEvent, position: Position): void {
    const at = Date.parse(event.at);
    switch (event.type) {
      case 'rollout_opened':
        this.#opened(event, at);
        return;
      case 'sandbox_claimed':
        this.#with(event.rollout, (rollout) => {
          claimed(rollout, event);
        });
        return;
      case 'call_refused':
        this.#with(event.rollout, (rollout) => rollout.clientFaults.push(event.cause));
        return;
      case 'rollout_displaced':
        this.#with(event.rollout, (rollout) => (rollout.displacement = event));
        return;
      case 'file_uploaded':
        this.#with(event.rollout, (rollout) => {
          uploaded(rollout, event);
        });
        return;
      case 'call_intended':
        this.#with(event.rollout, (rollout) => intended(rollout, event, position, at));
        return;
      case 'call_finished':
        this.#with(event.rollout, (rollout) => finished(rollout, event, position, at));
        return;
      case 'call_reopened':
        this.#with(event.rollout, (rollout) => (rollout.lastActivityAt = at));
        return;
      case 'rollout_lost':
        this.#with(event.rollout, (rollout) => (rollout.lossCause ??= event.cause));
        return;
      case 'rejudged':
        this.#with(event.rollout, (rollout) => {
          rejudged(rollout, event);
        });
        return;
      case 'rollout_ended':
        this.#with(event.rollout, (rollout) => (rollout.endReason = event.how));
        return;
      default:
        return;
    }
  }

  #opened(event: EventOf<'rollout_opened'>, at: number): void {
    const { rollout: id, task, job } = event;
    this.byId.set(id, {
      id,
      task,
      job,
      openedAt: at,
      handle: null,
      displacement: null,
      recoveries: 0,
      uploads: [],
      lossCause: null,
      endReason: null,
      lastNumber: 0,
      lastActivityAt: at,
      calls: new Map(),
      clientFaults: [],
    });
  }

  #with(id: string, change: (rollout: PastRollout) => unknown): void {
    const rollout = this.byId.get(id);
    if (rollout !== undefined) change(rollout);
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
  const { call: callId, tool, argumentsSha256, number, sandbox } = event;
  const before = rollout.calls.get(callId);
  const earlier = before?.intent ?? null;
  const attempts = (earlier?.attempts ?? 0) + (earlier?.sandbox === sandbox ? 0 : 1);
  rollout.calls.set(callId, {
    callId,
    tool,
    argumentsSha256,
    at: before?.at ?? at,
    arguments: event.arguments,
    intent: { number, sandbox, attempts, position },
    ending: null,
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
  const { call: callId, tool, argumentsSha256, outcome, status, durationMs } = event;
  const call = rollout.calls.get(callId) ?? {
    ...{ callId, tool, argumentsSha256, at },
    ...{ arguments: null, intent: null, ending: null },
  };
  call.ending = { outcome, status, durationMs, position };
  rollout.calls.set(callId, call);
  rollout.lastActivityAt = at;
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
