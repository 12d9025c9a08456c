import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { attribute } from '../outcome/attribute.ts';
import { render } from '../outcome/render.ts';
import { compose } from '../outcome/transcript.ts';
import type { Call } from '../rollouts/call.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { StartPlaces } from '../rollouts/start-places.ts';
import type { CallAnswer } from './call-answer.ts';
import { Waiters } from './waiters.ts';

/** The platform waits 10 minutes; we answer before it stops listening. */
export const HOLD_MS = 570_000;
/** A request and the platform's three retries: after that a place in the start queue is of no use. */
export const PATIENCE_MS = 4 * HOLD_MS;

/** Requests whose call is under way. A call continues when its requester is gone, so both have separate lifetimes. */
export class HeldRequests implements Disposable {
  readonly #clock: Clock;
  readonly #places: StartPlaces;
  readonly #requesters: Waiters<Rollout>;

  constructor({ clock, places }: { clock: Clock; places: StartPlaces }) {
    this.#clock = clock;
    this.#places = places;
    this.#requesters = new Waiters(clock, (rollout) => {
      places.leaveQueue(rollout);
    });
  }

  /**
   * The call's answer, or a 503 before the platform's own deadline. The call then keeps its place in the start queue, the
   * call lock or its running command, and the repeated request joins it.
   */
  async holdRequest(
    rollout: Rollout,
    call: Call,
    conducted: Promise<CallAnswer>,
    gone: AbortSignal | undefined,
  ): Promise<CallAnswer> {
    const leave = this.#requesters.addWaiter(rollout);
    if (gone?.aborted === true) leave();
    gone?.addEventListener('abort', leave, { once: true });
    try {
      const answer = await Deadline.after(this.#clock, 'queue_wait', HOLD_MS).race(conducted);
      if (answer.outcome.cause !== 'queue_wait') return answer;
      return { ...answer, retryAfterMs: this.#places.retryAfterMs(rollout, PATIENCE_MS) };
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
      return unfinished(call, this.#places.retryAfterMs(rollout, PATIENCE_MS));
    } finally {
      leave();
      gone?.removeEventListener('abort', leave);
    }
  }

  [Symbol.dispose](): void {
    this.#requesters[Symbol.dispose]();
  }
}

/** The answer to a request whose call is still under way. Nothing is journaled: the call has no ending yet. */
function unfinished({ rollout, clientId: callId }: Call, retryAfterMs: number): CallAnswer {
  const outcome = attribute({ kind: 'queue_expired' });
  const { status, transcript } = render(outcome, null);
  return {
    rollout,
    callId,
    status,
    output: compose(transcript),
    result: null,
    outcome,
    fromJournal: false,
    retryAfterMs,
  };
}
