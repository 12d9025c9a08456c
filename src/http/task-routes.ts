import { z } from 'zod';
import type { Catalog, Task } from '../policy/schema.ts';
import { toolbox } from '../tools/toolbox.ts';
import { HttpError } from './errors.ts';
import type { App, HttpParts } from './parts.ts';
import { definitionFormats, definitionsSchema, toolDefinitions } from './tool-definitions.ts';
import { errorSchema, taskListSchema, type taskViewSchema } from './schemas.ts';

const tags = ['tasks'];
const definitionsQuery = z.object({
  format: z.enum(definitionFormats).default('responses'),
  server_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("URL at which the platform reaches this server; default: this request's own."),
});

/** The configured tasks, and their tool definitions in the formats of other APIs. */
export function taskRoutes(app: App, { catalog, reload }: HttpParts): void {
  app.get(
    '/tasks',
    {
      schema: {
        tags,
        summary: 'The configured tasks',
        response: { 200: taskListSchema, '4xx': errorSchema },
      },
    },
    (_request, reply) => {
      void reply.code(200).send(taskList(catalog));
    },
  );
  app.post(
    '/tasks/reload',
    {
      schema: {
        tags,
        summary: 'Read the configuration files again; open rollouts keep theirs',
        response: { 200: taskListSchema, '4xx': errorSchema },
      },
    },
    async (_request, reply) => {
      await reload();
      void reply.code(200).send(taskList(catalog));
    },
  );
  app.get(
    '/tasks/:name/tools',
    {
      schema: {
        tags,
        summary: "A task's tool definitions for a request, a dataset or a fine-tuning job",
        params: z.object({ name: z.string() }),
        querystring: definitionsQuery,
        response: { 200: definitionsSchema, '4xx': errorSchema },
      },
    },
    ({ params, query, protocol, host }, reply) => {
      const task = catalog.tasks.get(params.name);
      if (task === undefined)
        throw new HttpError('unknown_task', `params.name: no task "${params.name}" is configured`);
      const serverUrl = (query.server_url ?? `${protocol}://${host}`).replace(/\/+$/, '');
      void reply.code(200).send(toolDefinitions(task, query.format, serverUrl));
    },
  );
}

function taskList(catalog: Catalog): z.output<typeof taskListSchema> {
  const tasks = [...catalog.tasks.values()];
  return { tasks: tasks.map((task) => taskView(task, task === catalog.defaultTask)) };
}

function taskView(task: Task, isDefault: boolean): z.output<typeof taskViewSchema> {
  const { name, image, policy } = task;
  return {
    name,
    image: image.name,
    policy: policy.name,
    tools: [...toolbox(task).keys()],
    default: isDefault,
  };
}
