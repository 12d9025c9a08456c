/** Why a request for a sandbox left the start queue without a start. */
export type RefusalReason = 'expired' | 'withdrawn' | 'closed' | 'hopeless' | 'full';

const MESSAGES = {
  expired: 'the deadline passed before a sandbox could be started',
  withdrawn: 'the request for a sandbox was withdrawn before a sandbox was started',
  closed: 'the server is stopping and starts no further sandboxes',
  hopeless: 'the start queue is too long to start the sandbox before its deadline',
  full: 'the start queue has no free place',
} as const satisfies Record<RefusalReason, string>;

/**
 * Thrown by the start queue when it gives up a request for which no start is in progress. Nothing has run for the
 * request, so it may be repeated.
 */
export class QueueRefusal extends Error {
  override readonly name = 'QueueRefusal';
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason) {
    super(MESSAGES[reason]);
    this.reason = reason;
  }
}
