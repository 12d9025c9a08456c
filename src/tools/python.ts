import { z } from 'zod';
import type { Ending } from '../protocol/messages.ts';
import { processResult } from './process-result.ts';
import type { Shown, Tool } from './tool.ts';

const parameters = z.strictObject({
  code: z.string().describe('Python code. The value of a last expression is shown.'),
  timeout_ms: z.int().min(1).optional().describe('Wall time for the code, in milliseconds.'),
});

export const python: Tool = {
  name: 'python',
  description: 'Runs Python code in an interpreter that keeps its state between calls.',
  parameters,
  need: 'python',
  work: (input) => ({ kind: 'python', code: parameters.parse(input).code }),
  timeoutMs: (input, policy) => parameters.parse(input).timeout_ms ?? policy.times.call_default,
  show: interpreterResult,
};

/** The name some models know the same tool by. */
export const codeInterpreter: Tool = { ...python, name: 'code_interpreter' };

/** A living interpreter has no exit status; one that ended shows its own. */
function interpreterResult(ending: Ending): Shown {
  const shown = processResult(ending);
  return ending.interpreter === 'lost' ? shown : { ...shown, exit_code: ending.raised ? 1 : 0, signal: null };
}
