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

/** The end of an event's line. */
export interface Place {
  readonly file: string;
  readonly offset: number;
}

/** A file of the journal. Numbers are consecutive from 1, so that a missing file shows. */
export interface JournalFile {
  readonly name: string;
  readonly number: number;
  readonly bytes: number;
}

/**
 * Why a line could not be read. `torn`: it has no end, because its append never resolved. `unknown_type`: another version
 * wrote it. `damaged`: it was whole once, so a record is lost.
 */
export type SkipReason = 'torn' | 'unknown_type' | 'damaged';

export interface EventsOptions {
  /** Only events after this place. Its file may be gone; then from the next file on. */
  readonly after?: Place | undefined;
  readonly onSkip?: ((reason: SkipReason, file: string) => void) | undefined;
}

/** The journal as those see it who derive something from it and keep it beside it. */
export interface JournalHistory extends Pick<Journal, 'append'> {
  events(options?: EventsOptions): AsyncIterable<PlacedEvent>;
  read(position: Position): Promise<JournalEvent>;
  /** Oldest first. */
  files(): Promise<JournalFile[]>;
  flush(): Promise<void>;
  /**
   * From now on `observer` gets every batch of events that was written, in order, before the appends resolve. Its events are
   * not durable yet where no one asked for that: `flush` before something that is derived from them is.
   */
  observe(observer: (written: readonly PlacedEvent[]) => void): void;
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
  events(options?: EventsOptions): AsyncIterable<PlacedEvent>;

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
