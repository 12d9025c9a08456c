import type { z } from 'zod';
import type { nativeAnswerSchema } from '../http/schemas.ts';

type Cause = z.output<typeof nativeAnswerSchema>['outcome']['cause'];

/** The failure, as reported by the server or the connection. */
export interface FailureFacts {
  /** HTTP status; null if there was no answer. */
  readonly status: number | null;
  /** The cause code of a call, or the error code of another request; `unreachable` if there was no answer. */
  readonly code: Cause | (string & {});
  readonly cause?: unknown;
}

/** A request without an answer for the model. Catch one of the three subclasses: each needs a different reaction. */
export abstract class FaultlineError extends Error {
  readonly status: number | null;
  readonly code: FailureFacts['code'];

  constructor(message: string, { status, code, cause }: FailureFacts) {
    super(message, { cause });
    this.status = status;
    this.code = code;
  }
}

/** Infrastructure failed, and safe retries did not help. Leave the rollout out of training; never score it. */
export class InfraError extends FaultlineError {
  override readonly name = 'InfraError';
}

/** The task cannot run as configured (image, set-up). Leave the rollout out and fix the task: its other rollouts will fail too. */
export class TaskError extends FaultlineError {
  override readonly name = 'TaskError';
}

/** The request is wrong, or came after the rollout's end (`rollout_ended`). A mistake in the trainer; do not retry it. */
export class ClientError extends FaultlineError {
  override readonly name = 'ClientError';
}
