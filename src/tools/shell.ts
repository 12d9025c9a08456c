import { z } from 'zod';
import { processResult } from './process-result.ts';
import { OUTPUT_SHOWN, processTranscript } from './process-transcript.ts';
import type { Tool } from './tool.ts';

const parameters = z.strictObject({
  command: z.string().describe('Command line for the shell.'),
  timeout_ms: z.int().min(1).optional().describe('Time limit for the command, in milliseconds.'),
});

export const shell: Tool = {
  name: 'shell',
  description: [
    'Runs a command line in the sandbox. Working directory, exports and background processes persist between calls;',
    'unexported variables, functions, aliases and shell options do not.',
    OUTPUT_SHOWN,
  ].join(' '),
  parameters,
  need: 'shell',
  work: (input) => ({ kind: 'shell', command: parameters.parse(input).command }),
  timeoutMs: (input, policy) => parameters.parse(input).timeout_ms ?? policy.times.call_default,
  show: processResult,
  transcript: processTranscript,
};
