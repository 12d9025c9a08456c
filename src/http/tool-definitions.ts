import { z } from 'zod';
import type { Task } from '../policy/schema.ts';
import { definitionsOf } from '../tools/definition.ts';

export const definitionFormats = ['responses', 'chat', 'job'] as const;
export type DefinitionFormat = (typeof definitionFormats)[number];

const parameters = z.record(z.string(), z.unknown()).describe('JSON Schema');

/** A function tool in a request to the Responses API. */
const responsesTool = z.object({
  type: z.literal('function'),
  name: z.string(),
  description: z.string(),
  parameters,
  strict: z.literal(false),
});
/** A function tool in a request to the chat completions API, and in a dataset row. */
const chatTool = z.object({
  type: z.literal('function'),
  function: responsesTool.pick({ name: true, description: true, parameters: true }),
});
/** A tool of a fine-tuning job: the URL to which the platform sends the calls. */
const jobTool = z.object({
  name: z.string(),
  server_url: z.string(),
  headers: z.record(z.string(), z.string()),
});

export const definitionsSchema = z.object({
  task: z.string(),
  tools: z.union([z.array(responsesTool), z.array(chatTool), z.array(jobTool)]),
});

/** The tools of a task in the given format. `serverUrl` is this server's URL, without a slash at its end. */
export function toolDefinitions(
  task: Task,
  format: DefinitionFormat,
  serverUrl: string,
): z.output<typeof definitionsSchema> {
  const tools = definitionsOf(task).map(({ readOnly: _unused, ...definition }) => definition);
  switch (format) {
    case 'responses':
      return {
        task: task.name,
        tools: tools.map((tool) => ({ type: 'function', ...tool, strict: false })),
      };
    case 'chat':
      return {
        task: task.name,
        tools: tools.map((tool) => ({ type: 'function', function: tool })),
      };
    case 'job':
      return { task: task.name, tools: tools.map(({ name }) => jobEntry(task, name, serverUrl)) };
  }
}

/** The token is left out, because definitions are stored in files. */
function jobEntry(task: Task, name: string, serverUrl: string): z.output<typeof jobTool> {
  const query = new URLSearchParams({ task: task.name }).toString();
  return {
    name,
    server_url: `${serverUrl}/v1/tools/${encodeURIComponent(name)}?${query}`,
    headers: { Authorization: 'Bearer <FAULTLINE_TOKEN>' },
  };
}
