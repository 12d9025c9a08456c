import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { CallLimits } from '../protocol/messages.ts';
import { attribute } from '../outcome/attribute.ts';
import { render } from '../outcome/render.ts';
import type { CallRecord, Rollout } from '../rollouts/rollout.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import type { CallAnswer } from './call-answer.ts';
import { Waiters } from './waiters.ts';

/** The platform waits 10 minutes; we answer before it stops listening. */
const HOLD_MS = 570_000;
/** Between the end of a command's own limit and the reply: kill, journal, network. */
const REPLY_MARGIN_MS = 15_000;
/** A request and the platform's three repetitions of it: how long a place in the start queue is of use. */
export const PATIENCE_MS = 4 * HOLD_MS;

/** Earlier calls, the command and the reply fit into one request. */
export function callLockDeadline(clock: Clock, limits: CallLimits): Deadline {
  return Deadline.after(clock, 'turn_wait', HOLD_MS - limits.timeoutMs - REPLY_MARGIN_MS);
}

/** Requests whose call is under way. A call goes on when its requester is gone, so the two have lives of their own. */
export class HeldRequests implements Disposable {
  readonly #clock: Clock;
  readonly #sandboxes: Sandboxes;
  readonly #requesters: Waiters<Rollout>;

  constructor({ clock, sandboxes }: { clock: Clock; sandboxes: Sandboxes }) {
    this.#clock = clock;
    this.#sandboxes = sandboxes;
    this.#requesters = new Waiters(clock, (rollout) => {
      sandboxes.leave(rollout);
    });
  }

  /**
   * Keeps the requester while the platform listens. Where that isn't long enough, it is told to come again: the
   * call keeps its place in the start queue, its turn or its command, and the repetition joins it there.
   */
  async hold(
    rollout: Rollout,
    record: CallRecord,
    walk: Promise<CallAnswer>,
    gone: AbortSignal | undefined,
  ): Promise<CallAnswer> {
    const leave = this.#requesters.enter(rollout);
    if (gone?.aborted === true) leave();
    gone?.addEventListener('abort', leave, { once: true });
    try {
      const answer = await Deadline.after(this.#clock, 'queue_wait', HOLD_MS).race(walk);
      if (answer.outcome.cause !== 'queue_wait') return answer;
      return { ...answer, retryAfterMs: this.#sandboxes.retryAfterMs(rollout, PATIENCE_MS) };
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
      return unfinished(rollout, record, this.#sandboxes.retryAfterMs(rollout, PATIENCE_MS));
    } finally {
      leave();
      gone?.removeEventListener('abort', leave);
    }
  }

  [Symbol.dispose](): void {
    this.#requesters[Symbol.dispose]();
  }
}

/** What a request is told whose call is still under way. Nothing is journaled: the call has no ending yet. */
function unfinished(rollout: Rollout, { callId }: CallRecord, retryAfterMs: number): CallAnswer {
  const outcome = attribute({ kind: 'queue_expired' });
  const { status, output } = render(outcome, null);
  return {
    rollout: rollout.id,
    callId,
    status,
    output,
    result: null,
    outcome,
    replayed: false,
    retryAfterMs,
  };
}
