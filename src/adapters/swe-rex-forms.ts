import { z } from 'zod';
import { modelText } from './foreign-verb.ts';

/** The requests of SWE-ReX's runtime server (its `runtime/abstract.py`, version 1.4), with its defaults. */

const session = z.string().default('default');
const sessionType = z.literal('bash').default('bash');
/** Seconds; null means none. */
const timeout = z.number().positive().nullable().default(null);

export const createSessionForm = z.object({
  startup_source: z.array(z.string()).default([]),
  session,
  session_type: sessionType,
  startup_timeout: z.number().positive().default(1),
});

export const bashActionForm = z.object({
  command: modelText,
  session,
  timeout,
  is_interactive_command: z.boolean().default(false),
  is_interactive_quit: z.boolean().default(false),
  check: z.enum(['silent', 'raise', 'ignore']).default('raise'),
  error_msg: z.string().default(''),
  expect: z.array(z.string()).default([]),
  action_type: z.literal('bash').default('bash'),
});

export const interruptForm = z.object({ session, action_type: z.literal('bash_interrupt') });

export const actionForm = z.union([interruptForm, bashActionForm]);

export const closeSessionForm = z.object({ session, session_type: sessionType });

export const commandForm = z.object({
  command: modelText,
  timeout,
  shell: z.boolean().default(false),
  check: z.boolean().default(false),
  error_msg: z.string().default(''),
  env: z.record(z.string(), z.string()).nullable().default(null),
  cwd: z.string().nullable().default(null),
  merge_output_streams: z.boolean().default(false),
});

export const readFileForm = z.object({
  path: modelText,
  encoding: z.string().nullable().default(null),
  errors: z.string().nullable().default(null),
});

export const writeFileForm = z.object({ content: modelText, path: modelText });

/** The fields of the multipart form. */
export const uploadForm = z.object({
  file: z.instanceof(Uint8Array),
  target_path: z.string().min(1),
  unzip: z.stringbool().default(false),
});
