import { causes, type Cause, type Outcome } from './causes.ts';
import type { ToolResult } from './result.ts';
import { plainTranscript, type Transcript } from './transcript.ts';

/** The constant text of every 503. It names no cause and no consequence, so that a model cannot learn from it. */
export const UNAVAILABLE_TEXT = 'The tool is temporarily unavailable.';
export const CONFLICT_TEXT = 'This call id was used before with other arguments.';
export const ENDED_TEXT = 'This rollout has ended.';

/** Seconds in `Retry-After` of a 503 if no better estimate is known. */
export const RETRY_AFTER_S = 5;

/** The reply to the platform. */
export interface Reply {
  readonly status: Cause['status'];
  /** What the model sees, before it is fitted to the token budget. */
  readonly transcript: Transcript;
}

/**
 * The reply to a judged call. `result` is null if the tool never ran. `streams` is what the tool shows the model of its
 * streams; null: stdout, then stderr, to the letter. Pure.
 */
export function render(
  outcome: Outcome,
  result: ToolResult | null,
  streams: Transcript | null = null,
): Reply {
  const { status } = causes[outcome.cause];
  return { status, transcript: transcriptOf(status, outcome, result, streams) };
}

function transcriptOf(
  status: Cause['status'],
  outcome: Outcome,
  result: ToolResult | null,
  streams: Transcript | null,
): Transcript {
  if (status === 503) return plainTranscript([UNAVAILABLE_TEXT]);
  if (status === 422) return plainTranscript([CONFLICT_TEXT]);
  if (status === 410) return plainTranscript([ENDED_TEXT]);
  if (status === 400 || result === null) return plainTranscript([]);
  const shown = streams ?? plainTranscript([result.stdout, result.stderr]);
  const remarks = [endedByUs(outcome) ? null : ending(result), result.notice];
  return { ...shown, remarks: remarks.filter((text) => text !== null) };
}

/** The controller ended the command, and a notice says so; the signal it used is not shown. */
function endedByUs(outcome: Outcome): boolean {
  return outcome.cause === 'time_limit' || outcome.cause === 'output_limit';
}

function ending(result: ToolResult): string | null {
  if (result.signal !== null) return `ended by ${result.signal}`;
  if (result.exit_code === null || result.exit_code === 0) return null;
  return `exit code ${String(result.exit_code)}`;
}
