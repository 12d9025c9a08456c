import type { JournalEvent, NewEvent } from './event.ts';

/** Where an event stands. Small, and valid for as long as its file is kept. */
export interface Position {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface PlacedEvent {
  readonly event: JournalEvent;
  readonly position: Position;
}

/**
 * The log of record. Events are kept in the order in which `append` was called.
 *
 * A rejected append means: not recorded, and as far as the disk allows nothing of it is left; the caller may try
 * again, as a new event. The journal itself goes on. A crash loses at most appends that had not yet resolved, and
 * of the resolved ones those that were not durable.
 */
export interface Journal extends AsyncDisposable {
  /**
   * Adds the time and records the event. Resolves once it is written; durable: once it survives a power cut.
   * @throws JournalError
   */
  append(event: NewEvent, options: { readonly durable: boolean }): Promise<Position>;

  /** One event again. @throws JournalError where it isn't there any more. */
  read(position: Position): Promise<JournalEvent>;

  /** Everything recorded so far, also by earlier processes, oldest first. What can't be read is passed over and counted. */
  events(): AsyncIterable<PlacedEvent>;

  /** Lines passed over by `events` so far: torn by a crash, or not ours. */
  readonly skippedLines: number;

  /** Makes everything appended so far durable. @throws JournalError */
  flush(): Promise<void>;
}

export type JournalErrorCode =
  'not_written' | 'too_large' | 'overloaded' | 'closed' | 'unreadable' | 'in_use';

/** `not_written` and `overloaded` may pass with time; the others won't. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code: JournalErrorCode;

  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
