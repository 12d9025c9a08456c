import { z } from 'zod';
import type { Task } from '../policy/schema.ts';
import type { Ending } from '../protocol/messages.ts';
import { processResult } from './process-result.ts';
import { OUTPUT_SHOWN, processTranscript } from './process-transcript.ts';
import type { Shown, Tool } from './tool.ts';

const parameters = z.strictObject({
  code: z
    .string()
    .describe(
      'Python code. If the last statement is an expression, its value is shown, unless a semicolon follows. ' +
        'await works at the top level. Lines that begin with ! or % do not work.',
    ),
  timeout_ms: z.int().min(1).optional().describe('Time limit for the code, in milliseconds.'),
});

/** `code_interpreter` is the name that some models know. */
export function pythonTool(name: 'python' | 'code_interpreter', task: Task): Tool {
  const asShell = task.python_start !== 'image';
  return {
    name,
    description: description(task, asShell),
    parameters,
    need: 'python',
    work: (input) => ({ kind: 'python', code: parameters.parse(input).code, ...(asShell && { asShell }) }),
    timeoutMs: (input, policy) => parameters.parse(input).timeout_ms ?? policy.times.call_default,
    show: interpreterResult,
    transcript: processTranscript,
  };
}

function description({ tools }: Task, asShell: boolean): string {
  const start =
    asShell && tools.includes('shell')
      ? " It starts at its first call, in the shell's working directory with its exported variables, and keeps its own from then on."
      : '';
  return (
    `Runs Python code in an interpreter that keeps its state between calls.${start} ` +
    `What background threads print after their call is not shown. ${OUTPUT_SHOWN}`
  );
}

/** A running interpreter has no exit status, so 0 or 1 is shown; one that ended shows its own. */
function interpreterResult(ending: Ending): Shown {
  const shown = processResult(ending);
  return ending.interpreter === 'lost' ? shown : { ...shown, exit_code: ending.raised ? 1 : 0, signal: null };
}
