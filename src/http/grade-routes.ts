import { HttpError } from './errors.ts';
import { UnreadValue } from '../kernel/unread-value.ts';
import { gradeValues } from './model-values.ts';
import type { App, HttpParts } from './parts.ts';
import { jobHeader, rolloutHeader } from './request-ids.ts';
import { errorSchema, gradeAnswerSchema, gradeRequestSchema } from './schemas.ts';

const response = {
  200: gradeAnswerSchema.describe("The grader's own answer, unchanged."),
  '4xx': errorSchema,
  '5xx': errorSchema.describe(
    '502, 504: the grader failed. 503: the rollout is excluded, not finished, or unknown.',
  ),
};

/** The platform calls this route instead of the customer's grader. */
export function gradeRoutes(app: App, { gate }: HttpParts): void {
  app.post(
    '/grade',
    {
      schema: {
        tags: ['verdicts'],
        summary: 'Grade a rollout, unless its verdict forbids it',
        body: gradeRequestSchema,
        response,
      },
      config: { modelValues: gradeValues },
    },
    async ({ body, headers }, reply) => {
      if (gate === null) throw new HttpError('no_grader');
      const id = body.trace_id ?? rolloutHeader(headers);
      if (id === undefined)
        throw new HttpError('bad_request', 'body.trace_id: missing, and so is the header X-Rollout-Id');
      const answer = await gate.grade({ id, job: jobHeader(headers), body: readable(body) });
      if (answer.kind === 'withheld') throw new HttpError('withheld');
      if (answer.kind === 'grader_fault')
        throw new HttpError(answer.status === 504 ? 'grader_timeout' : 'grader_failed', answer.sentence);
      return reply.code(200).type('application/json; charset=utf-8').send(raw(answer.body));
    },
  );
}

/** The body without what could not be read: null, and beside it a field that says why, such as `sample_unread`. */
function readable(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = Object.entries(body).flatMap(
    ([name, value]): [string, unknown][] =>
    value instanceof UnreadValue ? [[name, null], [`${name}_unread`, value.problem]] : [[name, value]], // prettier-ignore
  );
  return Object.fromEntries(fields);
}

/** The grader's bytes, without the serializer: parsing and serializing again could change a number. */
function raw(body: string): never {
  return Buffer.from(body) as never;
}
