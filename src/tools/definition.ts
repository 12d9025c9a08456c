import { z } from 'zod';
import type { Tool } from './tool.ts';

/** A tool as models are told of it, whichever protocol carries it. `parameters` is a JSON schema. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export function definitionOf({ name, description, parameters: schema }: Tool): ToolDefinition {
  const { $schema: _dialect, ...parameters } = z.toJSONSchema(schema, { io: 'input' });
  return { name, description, parameters };
}
