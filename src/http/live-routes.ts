import type { ServerResponse } from 'node:http';
import type { z } from 'zod';
import { alarms } from '../telemetry/alarms.ts';
import type { FinishedCall, Sample } from '../telemetry/recent-activity.ts';
import type { App, HttpParts } from './parts.ts';
import { statusOf } from './status-routes.ts';
import type { finishedCallSchema, liveHistorySchema, liveNewsSchema } from './page-schemas.ts';
import { errorSchema } from './schemas.ts';

/** A reader with more unread bytes than this is disconnected; it may connect again. */
const MOST_UNREAD_BYTES = 2 ** 20;

/** The live view, second by second, as server-sent events: `history` once, then `news` every second. */
export function liveRoutes(app: App, parts: HttpParts): void {
  const open = new Set<ServerResponse>();
  app.addHook('preClose', (done) => {
    for (const raw of open) raw.end();
    done();
  });
  app.get(
    '/live',
    {
      schema: {
        tags: ['operations'],
        summary: 'The live view, as server-sent events (text/event-stream)',
        response: { '4xx': errorSchema },
      },
    },
    (_request, reply) => {
      reply.hijack();
      open.add(reply.raw);
      reply.raw.once('close', () => open.delete(reply.raw));
      stream(reply.raw, parts);
    },
  );
}

function stream(raw: ServerResponse, parts: HttpParts): void {
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  const send = (event: string, data: object): void => {
    raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    if (raw.writableLength > MOST_UNREAD_BYTES) raw.destroy();
  };
  const { activity } = parts;
  send('history', {
    samples: [...activity.samples],
    calls: activity.calls.map(finishedCallView),
  } satisfies LiveHistory);
  let sent = activity.calls.at(-1);
  const leave = activity.follow((sample) => {
    const calls = newer(activity.calls, sent);
    sent = activity.calls.at(-1);
    news(sample, calls, parts).then(
      (data) => {
        send('news', data);
      },
      (error: unknown) => {
        parts.log.error({ err: error }, 'live view failed');
        raw.destroy();
      },
    );
  });
  raw.once('close', leave);
}

type LiveHistory = z.output<typeof liveHistorySchema>;

async function news(
  sample: Sample,
  calls: readonly FinishedCall[],
  parts: HttpParts,
): Promise<z.output<typeof liveNewsSchema>> {
  return {
    sample,
    calls: calls.map(finishedCallView),
    status: await statusOf(parts),
    alarms: parts.alarms.states().map((alarm) => ({ ...alarm, sentence: alarms[alarm.name] })),
  };
}

/** The calls after the last one that was sent; all calls that are kept where that one is not among them any more. */
function newer(calls: readonly FinishedCall[], sent: FinishedCall | undefined): readonly FinishedCall[] {
  return sent === undefined ? calls : calls.slice(calls.lastIndexOf(sent) + 1);
}

function finishedCallView({ durationMs, ...call }: FinishedCall): z.output<typeof finishedCallSchema> {
  return { ...call, duration_ms: Math.round(durationMs) };
}
