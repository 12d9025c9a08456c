import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { rolloutId } from '../kernel/ids.ts';
import type { McpSession } from '../mcp/endpoint.ts';
import { requesterOf } from './client-gone.ts';
import { HttpError } from './errors.ts';
import { rpcValues } from './model-values.ts';
import type { App, HttpParts } from './parts.ts';
import { headerId, headerValue, jobHeader, openingOf, parseRolloutId, rolloutHeader } from './request-ids.ts';
import { taskQuerySchema } from './schemas.ts';

const SESSION = 'mcp-session-id';
/** Prefix of rollouts that were made for one MCP session and end with it. */
const OWN_ROLLOUT = 'mcp-';

/**
 * MCP over streamable HTTP. The session id contains the rollout id, so nothing is kept between requests and sessions
 * survive a restart.
 */
export function mcpRoutes(app: App, { mcp, rollouts, sandboxes }: HttpParts): void {
  const schema = { hide: true, querystring: taskQuerySchema };
  app.post(
    '/mcp',
    { schema, config: { modelValues: rpcValues } },
    async ({ headers, query, body, raw }, reply) => {
      const session = sessionOf(headers) ?? newSession(headers, body);
      const id = rolloutHeader(headers) ?? session?.rollout;
      if (id === undefined)
        throw new HttpError('bad_request', `headers: ${SESSION} or x-rollout-id is required`);
      const opening = openingOf(id, headers, { task: query.task });
      const requester = requesterOf(reply);
      reply.hijack();
      if (session !== null) reply.raw.setHeader(SESSION, sessionText(session));
      await mcp.handle({ request: raw, response: reply.raw, body, opening, session, requester });
    },
  );
  app.delete('/mcp', { schema }, async ({ headers }, reply) => {
    const id = sessionOf(headers)?.rollout;
    if (id?.startsWith(OWN_ROLLOUT) !== true) return reply.code(405).header('allow', 'POST').send();
    const rollout = rollouts.get(id, jobHeader(headers));
    if (rollout !== undefined) await sandboxes.ends.endRollout(rollout, 'deleted');
    return reply.code(200).send();
  });
  // A client asks for a stream of the server's own messages. This server sends none.
  app.get('/mcp', { schema }, (_request, reply) => {
    void reply.code(405).header('allow', 'POST, DELETE').send();
  });
}

const sessionText = ({ rollout, key }: McpSession): string => `${key}.${headerValue(rollout)}`;

function sessionOf(headers: IncomingHttpHeaders): McpSession | null {
  const parse = (text: string): McpSession => {
    const [, key, rollout] = /^([^.]+)\.(.+)$/.exec(text) ?? [];
    if (key === undefined || rollout === undefined) throw new Error('is not a session id of this server');
    return { key, rollout: parseRolloutId(decodeURIComponent(rollout)) };
  };
  return headerId(headers, SESSION, parse) ?? null;
}

/** The session that an `initialize` message begins: in the rollout that the header names, else in a new one. */
function newSession(headers: IncomingHttpHeaders, body: unknown): McpSession | null {
  const begins =
    typeof body === 'object' && body !== null && 'method' in body && body.method === 'initialize';
  if (!begins) return null;
  const rollout = rolloutHeader(headers) ?? rolloutId(`${OWN_ROLLOUT}${randomUUID()}`);
  return { rollout, key: randomUUID() };
}
