import type { Command, Report } from '../protocol/messages.ts';

/** Turns bytes into reports. One per attachment: a half-received frame dies with it. */
export interface ReportReader {
  /** Whole reports in `chunk` and what came before. Damaged frames are skipped; never throws. */
  push(chunk: Uint8Array): readonly Report[];
}

/** The byte form of messages, so that the client can be tested without it. */
export interface Wire {
  /** `instance` is sandboxd's as known, null before the first `state`. */
  encode(command: Command, instance: string | null): Uint8Array;
  reader(): ReportReader;
}
