import { Deadline } from '../kernel/deadline.ts';
import { errorMessage } from '../kernel/errors.ts';
import { SingleFlight } from '../kernel/single-flight.ts';
import type { App, HttpParts } from './parts.ts';
import { healthSchema, readinessSchema } from './schemas.ts';

/** Shorter than the time-outs of common probers. */
const PROBE_MS = 2_000;

const tags = ['operations'];

/** For load balancers and monitoring. They need no token. */
export function healthRoutes(app: App, parts: HttpParts): void {
  const probes = new SingleFlight<'ready', string[]>();
  app.get(
    '/healthz',
    { schema: { tags, summary: 'Whether the process is alive', response: { 200: healthSchema } } },
    (_request, reply) => {
      void reply.code(200).send({ status: 'ok' });
    },
  );
  app.get(
    '/readyz',
    {
      schema: {
        tags,
        summary: 'Whether the engine and the journal work',
        response: { 200: readinessSchema, 503: readinessSchema },
      },
    },
    async (_request, reply) => {
      const problems = await probes.run('ready', () => findProblems(parts));
      return reply.code(problems.length === 0 ? 200 : 503).send({ ready: problems.length === 0, problems });
    },
  );
  app.get(
    '/metrics',
    { schema: { tags, summary: 'Metrics in the text format of Prometheus' } },
    async (_request, reply) => {
      const text = await parts.metrics.text();
      return reply.type(parts.metrics.contentType).send(text);
    },
  );
}

async function findProblems({ engine, journal, clock }: HttpParts): Promise<string[]> {
  const deadline = Deadline.after(clock, 'engine_request', PROBE_MS);
  const probes = [
    problemOf('engine', deadline.race(engine.ping(deadline))),
    problemOf('journal', deadline.race(journal.flush())),
  ];
  return (await Promise.all(probes)).filter((problem) => problem !== null);
}

async function problemOf(part: string, probe: Promise<unknown>): Promise<string | null> {
  try {
    await probe;
    return null;
  } catch (error) {
    return `${part}: ${errorMessage(error)}`;
  }
}
