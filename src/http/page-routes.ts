import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from './errors.ts';
import type { App, HttpParts } from './parts.ts';

/** The web page. Needs no token: it holds only the program, which sends a token with its own requests. */
export function pageRoutes(app: App, { page }: Pick<HttpParts, 'page'>): void {
  const send = async (path: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const file = await page.get(path);
    if (file === null) throw new HttpError('unknown_route');
    reply
      .header('content-security-policy', page.contentSecurityPolicy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-cache')
      .header('vary', 'accept-encoding')
      .header('etag', file.tag);
    if (request.headers['if-none-match'] === file.tag) return reply.code(304).send();
    reply.type(file.type);
    if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(file.bytes);
    return reply.header('content-encoding', 'gzip').send(file.gzipped);
  };
  const schema = { hide: true };
  app.get('/', { schema }, (request, reply) => send('/', request, reply));
  app.get('/assets/*', { schema }, (request, reply) => send(pathOf(request.url), request, reply));
}

const pathOf = (url: string): string => url.split('?', 1)[0] ?? '';
