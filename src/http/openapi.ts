import swagger from '@fastify/swagger';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import type { App } from './parts.ts';

/** Generates the OpenAPI document from the routes' schemas. Must be registered before the routes. */
export async function describeRoutes(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'faultline',
        description: 'Sandboxes for the tool calls of agent rollouts.',
        version: '1',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
}

export function openapiRoute(app: App): void {
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
    void reply.send(app.swagger());
  });
}
