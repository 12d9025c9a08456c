import { z } from 'zod';
import type { Task } from '../policy/schema.ts';
import { budgetSentence } from './call-budget.ts';
import { toolbox } from './toolbox.ts';

/** The definition of a tool that models get, in every protocol. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  /** A JSON schema. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly readOnly: boolean;
}

export function definitionsOf(task: Task): ToolDefinition[] {
  return [...toolbox(task).values()].map(({ name, description, parameters: schema, readOnly = false }) => {
    const { $schema: _dialect, ...parameters } = z.toJSONSchema(schema, { io: 'input' });
    return { name, description: `${description}${budgetSentence(task)}`, parameters, readOnly };
  });
}
