import type { z } from 'zod';
import type { ServedBurst } from '../admission/burst-log.ts';
import { rolloutsByState } from '../telemetry/metrics.ts';
import type { App, HttpParts } from './parts.ts';
import { errorSchema, statusSchema, type burstSchema } from './schemas.ts';

type Status = z.output<typeof statusSchema>;

/** The current state of the server, for `faultline top` and the page. */
export function statusRoutes(app: App, parts: HttpParts): void {
  app.get(
    '/status',
    {
      schema: {
        tags: ['operations'],
        summary: 'Current state of queue, sandboxes, rollouts and bursts',
        response: { 200: statusSchema, '4xx': errorSchema },
      },
    },
    async (_request, reply) => reply.send(await statusOf(parts)),
  );
}

export async function statusOf({
  clock,
  admission,
  rollouts,
  metrics,
  index,
  gradings,
}: StatusParts): Promise<Status> {
  const { starts, removals, live, pool, concurrency, breaker, bursts } = admission;
  return {
    at: new Date(clock.now()).toISOString(),
    queue: {
      waiting: starts.load.waiting,
      starting: starts.load.starting,
      width: concurrency.limit,
      expected_wait_ms: Math.round(starts.load.waitMs),
      engine: breaker.state,
    },
    sandboxes: {
      live: live.count,
      cap: live.cap,
      warm: pool.load.ready,
      filling: pool.load.filling,
      to_remove: removals.load.waiting,
      abandoned: removals.load.abandoned,
    },
    rollouts: rolloutsByState(rollouts.all()),
    verdicts: {
      complete: index.status.complete,
      unknown_because: index.status.why,
      gradings: gradings.recent(),
    },
    calls: await metrics.callsByAttribution(),
    burst: bursts.current === null ? null : burstView(bursts.current),
    bursts: bursts.recent.map(burstView),
  };
}

type StatusParts = Pick<HttpParts, 'clock' | 'admission' | 'rollouts' | 'metrics' | 'index' | 'gradings'>;

function burstView(burst: ServedBurst): z.output<typeof burstSchema> {
  const { beganAt, p50Ms, p95Ms, p99Ms, ...counts } = burst;
  return {
    began_at: new Date(beganAt).toISOString(),
    ...counts,
    p50_ms: p50Ms,
    p95_ms: p95Ms,
    p99_ms: p99Ms,
  };
}
