import { z } from 'zod';
import type { CustomTool } from '../policy/schema.ts';
import { processResult } from './process-result.ts';
import { processTranscript } from './process-transcript.ts';
import type { Tool } from './tool.ts';

type Parameter = CustomTool['parameters'][string];

/** A tool that an operator defines as data: a program that gets the arguments as JSON on stdin and in its `{name}` arguments. */
export function customTool(definition: CustomTool): Tool {
  return {
    name: definition.name,
    description: definition.description,
    parameters: z.strictObject(
      Object.fromEntries(
        Object.entries(definition.parameters).map(([name, one]) => [name, parameterType(one)]),
      ),
    ),
    need: 'program',
    answerTokens: definition.answer_tokens,
    readOnly: definition.read_only,
    work: (input) => ({
      kind: 'exec',
      argv: definition.command.map((argument) => fillIn(argument, input)),
      env: [],
      cwd: null,
      stdin: Buffer.from(JSON.stringify(input)),
    }),
    timeoutMs: (_input, policy) => definition.timeout ?? policy.times.call_default,
    show: processResult,
    transcript: processTranscript,
  };
}

const types = {
  string: () => z.string(),
  integer: () => z.int(),
  number: () => z.number(),
  boolean: () => z.boolean(),
} as const satisfies Record<Parameter['type'], () => z.ZodType>;

function parameterType(parameter: Parameter): z.ZodType {
  const { enum: values, description, required } = parameter;
  const base = values === undefined ? types[parameter.type]() : z.literal(values);
  const described = description === undefined ? base : base.describe(description);
  return required ? described : described.optional();
}

/** Replaces `{name}` by the argument's text; a missing optional argument is empty. The result is not passed to a shell. */
function fillIn(template: string, input: Readonly<Record<string, unknown>>): string {
  return template.replace(/\{(\w+)\}/g, (_match, name: string) => {
    const value = input[name] as string | number | boolean | undefined;
    return value === undefined ? '' : String(value);
  });
}
