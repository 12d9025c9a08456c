import { z } from 'zod';
import type { Ending } from '../protocol/messages.ts';
import { processResult } from './process-result.ts';
import { OUTPUT_SHOWN, processTranscript } from './process-transcript.ts';
import type { Shown, Tool } from './tool.ts';

const parameters = z.strictObject({
  code: z.string().describe('Python code. If the last statement is an expression, its value is shown.'),
  timeout_ms: z.int().min(1).optional().describe('Time limit for the code, in milliseconds.'),
});

export const python: Tool = {
  name: 'python',
  description: `Runs Python code in an interpreter that keeps its state between calls. ${OUTPUT_SHOWN}`,
  parameters,
  need: 'python',
  work: (input) => ({ kind: 'python', code: parameters.parse(input).code }),
  timeoutMs: (input, policy) => parameters.parse(input).timeout_ms ?? policy.times.call_default,
  show: interpreterResult,
  transcript: processTranscript,
};

/** The same tool under the name that some models know. */
export const codeInterpreter: Tool = { ...python, name: 'code_interpreter' };

/** A running interpreter has no exit status, so 0 or 1 is shown; one that ended shows its own. */
function interpreterResult(ending: Ending): Shown {
  const shown = processResult(ending);
  return ending.interpreter === 'lost' ? shown : { ...shown, exit_code: ending.raised ? 1 : 0, signal: null };
}
