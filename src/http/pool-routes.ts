import type { PoolView } from '../admission/warm-pool.ts';
import { specOf } from '../rollouts/sandbox-spec.ts';
import { HttpError } from './errors.ts';
import type { App, HttpParts } from './parts.ts';
import { errorSchema, poolViewSchema, prewarmSchema } from './schemas.ts';

/** Fills the warm pool ahead of a burst that a trainer announces. */
export function poolRoutes(app: App, { catalog, admission }: HttpParts): void {
  app.post(
    '/prewarm',
    {
      schema: {
        tags: ['rollouts'],
        summary: 'Announce a burst, so that sandboxes are started ahead of it',
        body: prewarmSchema,
        response: { 202: poolViewSchema, '4xx': errorSchema },
      },
    },
    ({ body }, reply) => {
      const task = body.task === undefined ? catalog.defaultTask : catalog.tasks.get(body.task);
      if (task === undefined)
        throw new HttpError('unknown_task', `body.task: no task "${String(body.task)}" is configured`);
      void reply.code(202).send(poolView(admission.pool.prewarm(specOf(task), body.count)));
    },
  );
}

function poolView({ poolClass: pool, target, ready, filling }: PoolView) {
  return { pool, target, ready, filling };
}
