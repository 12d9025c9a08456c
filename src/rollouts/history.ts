import type { JournalEvent } from '../journal/event.ts';
import type { Position } from '../journal/journal.ts';
import type { CauseCode, Outcome } from '../outcome/causes.ts';
import type { SandboxHandle } from '../sandbox/sandbox.ts';
import type { EndReason } from './rollout.ts';

/** A call as the journal tells it. Without an outcome it was intended and its result never became durable. */
export interface PastCall {
  readonly callId: string;
  readonly tool: string;
  readonly arguments: unknown;
  readonly argumentsSha256: string;
  readonly number: number | null;
  readonly at: number;
  readonly intent: Position | null;
  ending: { outcome: Outcome; status: number; durationMs: number; position: Position } | null;
}

/** A rollout as the journal tells it. */
export interface PastRollout {
  readonly id: string;
  readonly task: string;
  readonly job: string;
  readonly openedAt: number;
  handle: SandboxHandle | null;
  lossCause: CauseCode | null;
  endReason: EndReason | null;
  lastNumber: number;
  lastActivityAt: number;
  readonly calls: Map<string, PastCall>;
}

type EventOf<Type extends JournalEvent['type']> = Extract<JournalEvent, { type: Type }>;

/** Folds the journal into the rollouts it tells of, oldest first. */
export class History {
  readonly rollouts = new Map<string, PastRollout>();

  add(event: JournalEvent, position: Position): void {
    const at = Date.parse(event.at);
    switch (event.type) {
      case 'rollout_opened':
        this.#opened(event, at);
        return;
      case 'sandbox_claimed':
        this.#with(event.rollout, (rollout) => (rollout.handle = event.handle));
        return;
      case 'call_intended':
        this.#with(event.rollout, (rollout) => intended(rollout, event, position, at));
        return;
      case 'call_finished':
        this.#with(event.rollout, (rollout) => finished(rollout, event, position, at));
        return;
      case 'rollout_lost':
        this.#with(event.rollout, (rollout) => (rollout.lossCause ??= event.cause));
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
    const fresh = { handle: null, lossCause: null, endReason: null, lastNumber: 0, lastActivityAt: at };
    this.rollouts.set(id, { id, task, job, openedAt: at, ...fresh, calls: new Map() });
  }

  #with(id: string, change: (rollout: PastRollout) => unknown): void {
    const rollout = this.rollouts.get(id);
    if (rollout !== undefined) change(rollout);
  }
}

function intended(rollout: PastRollout, event: EventOf<'call_intended'>, intent: Position, at: number): void {
  const { call: callId, tool, argumentsSha256, number } = event;
  rollout.calls.set(callId, {
    callId,
    tool,
    arguments: event.arguments,
    argumentsSha256,
    number,
    at,
    intent,
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
  const { call: callId, tool, argumentsSha256, number, outcome, status, durationMs } = event;
  const known = rollout.calls.get(callId);
  const call = known ?? {
    callId,
    tool,
    arguments: null,
    argumentsSha256,
    number,
    at,
    intent: null,
    ending: null,
  };
  call.ending = { outcome, status, durationMs, position };
  rollout.calls.set(callId, call);
  rollout.lastActivityAt = at;
}
