import { causes, type Cause, type Outcome } from './causes.ts';
import type { ToolResult } from './result.ts';

/** The constant text of every 503. It names no cause and no consequence, so that a model cannot learn from it. */
export const UNAVAILABLE_TEXT = 'The tool is temporarily unavailable.';
export const CONFLICT_TEXT = 'This call id was used before with other arguments.';
export const ENDED_TEXT = 'This rollout has ended.';

/** Seconds in `Retry-After` of a 503 if no better estimate is known. */
export const RETRY_AFTER_S = 5;

/** The reply to the platform: a status, and the text that the model sees. */
export interface Reply {
  readonly status: Cause['status'];
  readonly output: string;
}

/** The reply to a judged call. `result` is null if the tool never ran. Pure; the token budget is applied afterwards. */
export function render(outcome: Outcome, result: ToolResult | null): Reply {
  const { status } = causes[outcome.cause];
  if (status === 503) return { status, output: UNAVAILABLE_TEXT };
  if (status === 422) return { status, output: CONFLICT_TEXT };
  if (status === 400) return { status, output: '' };
  if (status === 410) return { status, output: ENDED_TEXT };
  return { status, output: result === null ? '' : modelText(result, endedByUs(outcome)) };
}

/** The controller ended the command, and a notice says so; the signal it used is not shown. */
function endedByUs(outcome: Outcome): boolean {
  return outcome.cause === 'time_limit' || outcome.cause === 'output_limit';
}

/** The output first, then one line in brackets for exit code or signal, and one for the notice. */
function modelText(result: ToolResult, endedByUs: boolean): string {
  const streams = [result.stdout, result.stderr].filter((text) => text !== '');
  const remarks = [endedByUs ? null : ending(result), result.notice].filter((text) => text !== null);
  const body = streams.reduce(
    (text, stream) => (text === '' || text.endsWith('\n') ? text : `${text}\n`) + stream,
    '',
  );
  if (remarks.length === 0) return body;
  const separator = body === '' || body.endsWith('\n') ? '' : '\n';
  return body + separator + remarks.map((remark) => `[${remark}]`).join('\n');
}

function ending(result: ToolResult): string | null {
  if (result.signal !== null) return `ended by ${result.signal}`;
  if (result.exit_code === null || result.exit_code === 0) return null;
  return `exit code ${String(result.exit_code)}`;
}
