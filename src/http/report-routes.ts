import type { FastifyReply } from 'fastify';
import { clientGone } from './client-gone.ts';
import { HttpError } from './errors.ts';
import type { App, HttpParts } from './parts.ts';
import { reportQuerySchema, reportSchema } from './page-schemas.ts';
import { jobHeader } from './request-ids.ts';
import { errorSchema, rolloutParamsSchema } from './schemas.ts';

const tags = ['reports'];
const response = { 200: reportSchema, '4xx': errorSchema, '5xx': errorSchema };

/** For the page: the output of `faultline report` and `faultline rollout` with `--json`. Made one at a time; each takes seconds. */
export function reportRoutes(app: App, { reports }: Pick<HttpParts, 'reports'>): void {
  const querystring = reportQuerySchema;
  app.get(
    '/reports/overview',
    { schema: { tags, summary: 'Overview of rollouts and calls, from the journal', querystring, response } },
    ({ query }, reply) => answer(reply, (gone) => reports.overview(query, gone)),
  );
  app.get(
    '/reports/risk',
    {
      schema: {
        tags,
        summary: 'Whether infrastructure fails some behaviours more than others',
        querystring,
        response,
      },
    },
    ({ query }, reply) => answer(reply, (gone) => reports.risk(query, gone)),
  );
  app.get(
    '/reports/diagnostics',
    { schema: { tags, summary: 'Scores compared with tool calls', querystring, response } },
    ({ query }, reply) => answer(reply, (gone) => reports.diagnostics(query, gone)),
  );
  app.get(
    '/rollouts/:rollout/story',
    {
      schema: {
        tags,
        summary: 'All events of a rollout, from the journal',
        params: rolloutParamsSchema,
        response,
      },
    },
    ({ params, headers }, reply) =>
      answer(reply, async (gone) => {
        const story = await reports.story({ rollout: params.rollout, job: jobHeader(headers) }, gone);
        if (typeof story === 'string') throw new HttpError(story);
        return story;
      }),
  );
}

/** A report is stopped when its client disconnects. */
async function answer(reply: FastifyReply, make: (gone: AbortSignal) => Promise<object>): Promise<void> {
  const gone = clientGone(reply);
  try {
    void reply.code(200).send({ ...(await make(gone)) });
  } catch (error) {
    if (!gone.aborted) throw error;
    reply.hijack();
  }
}
