import type { z } from 'zod';
import type { nativeAnswerSchema } from '../http/schemas.ts';

type Cause = z.output<typeof nativeAnswerSchema>['outcome']['cause'];

/** What went wrong, as the server or the connection tells it. */
export interface FailureFacts {
  /** HTTP status; null where no answer came at all. */
  readonly status: number | null;
  /** The judged cause of a call, or the error code of any other request; `unreachable` where no answer came. */
  readonly code: Cause | (string & {});
  readonly cause?: unknown;
}

/** A request that brought no answer for the model. Catch one of the three below: each calls for something else. */
export abstract class FaultlineError extends Error {
  readonly status: number | null;
  readonly code: FailureFacts['code'];

  constructor(message: string, { status, code, cause }: FailureFacts) {
    super(message, { cause });
    this.status = status;
    this.code = code;
  }
}

/** Machinery failed, and what was safe to repeat has been repeated. Leave the rollout out of training; never score it. */
export class InfraError extends FaultlineError {
  override readonly name = 'InfraError';
}

/** The task can't be played as configured (image, set-up). Leave the rollout out, and mend the task: others will fail too. */
export class TaskError extends FaultlineError {
  override readonly name = 'TaskError';
}

/** The request is wrong, or came too late for its rollout (`rollout_ended`). A mistake of the trainer's code; don't repeat it. */
export class ClientError extends FaultlineError {
  override readonly name = 'ClientError';
}
