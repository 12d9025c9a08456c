import type { JournalEvent, NewEvent } from './event.ts';

/** The position of an event in the journal. Small, and valid as long as its file is kept. */
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
 * A rejected append is not recorded, and its bytes are removed as far as the disk allows. The caller may retry it as a
 * new event; the journal stays usable. A crash loses at most the appends that had not yet resolved, and resolved ones
 * that were not durable.
 */
export interface Journal extends AsyncDisposable {
  /**
   * Adds the time and records the event. Resolves when it is written or, if durable, when it survives a power cut.
   * @throws JournalError
   */
  append(event: NewEvent, options: { readonly durable: boolean }): Promise<Position>;

  /** Reads one event. @throws JournalError if it no longer exists. */
  read(position: Position): Promise<JournalEvent>;

  /** All recorded events, including those of earlier processes, oldest first. Unreadable lines are skipped and counted. */
  events(): AsyncIterable<PlacedEvent>;

  /** Number of lines that `events` has skipped: torn by a crash, or foreign. */
  readonly skippedLines: number;

  /** Makes everything appended so far durable. @throws JournalError */
  flush(): Promise<void>;
}

export type JournalErrorCode =
  'not_written' | 'too_large' | 'overloaded' | 'closed' | 'unreadable' | 'in_use';

/** `not_written` and `overloaded` may be retried later; the others are permanent. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code: JournalErrorCode;

  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
