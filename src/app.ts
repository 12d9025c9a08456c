import fastify from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { anywhere, requireToken } from './http/auth.ts';
import { errorHandler, HttpError } from './http/errors.ts';
import { fileRoutes } from './http/file-routes.ts';
import { foreignRoutes } from './http/foreign-routes.ts';
import { gradeRoutes } from './http/grade-routes.ts';
import { healthRoutes } from './http/health-routes.ts';
import { acceptJson } from './http/json-body.ts';
import { liveRoutes } from './http/live-routes.ts';
import { mcpRoutes } from './http/mcp-routes.ts';
import { nativeCallRoutes } from './http/native-calls.ts';
import { describeRoutes, openapiRoute } from './http/openapi.ts';
import { pageRoutes } from './http/page-routes.ts';
import type { App, HttpParts } from './http/parts.ts';
import { poolRoutes } from './http/pool-routes.ts';
import { reportRoutes } from './http/report-routes.ts';
import { rolloutRoutes } from './http/rollout-routes.ts';
import { statusRoutes } from './http/status-routes.ts';
import { taskRoutes } from './http/task-routes.ts';
import { toolRoutes } from './http/tool-routes.ts';
import { readableUrl } from './http/tool-url.ts';
import { verdictRoutes } from './http/verdict-routes.ts';

/** Of a request line and all headers. The path may have a name of a tool that the model invented, percent-encoded. */
const HEADER_BYTES = 2 ** 20;
/** Longer than load balancers keep an idle connection, so that the load balancer closes it first. */
const KEEP_ALIVE_MS = 75_000;
/** Longest silence on a connection: the time for which a request is held, plus a margin. */
const SILENCE_MS = 660_000;
/** A complete request, including an upload, must arrive within this time. */
const ARRIVAL_MS = 600_000;

/**
 * The HTTP application: plugins and routes, ready to listen or, in tests, to take injected requests. It does not own its
 * parts: a disconnecting client does not end a call, and closing the application closes none of them.
 */
export async function buildApp(parts: HttpParts): Promise<App> {
  const fail = errorHandler(parts);
  const app = newApp(fail);
  app.setErrorHandler(fail);
  app.setNotFoundHandler((request, reply) => {
    fail(new HttpError('unknown_route'), request, reply);
  });
  acceptJson(app);
  await describeRoutes(app);
  healthRoutes(app, parts);
  openapiRoute(app);
  pageRoutes(app, parts);
  await app.register(
    (v1: App, _options, done) => {
      v1.addHook('onRequest', requireToken(parts.token));
      toolRoutes(v1, parts);
      rolloutRoutes(v1, parts);
      nativeCallRoutes(v1, parts);
      taskRoutes(v1, parts);
      poolRoutes(v1, parts);
      statusRoutes(v1, parts);
      liveRoutes(v1, parts);
      reportRoutes(v1, parts);
      verdictRoutes(v1, parts);
      gradeRoutes(v1, parts);
      void v1.register((files: App, _none, filesDone) => {
        fileRoutes(files, parts);
        filesDone();
      });
      done();
    },
    { prefix: '/v1' },
  );
  await app.register((others: App, _options, done) => {
    others.addHook('onRequest', requireToken(parts.token));
    mcpRoutes(others, parts);
    done();
  });
  await app.register(async (foreign: App) => {
    foreign.addHook('onRequest', requireToken(parts.token, anywhere));
    await foreignRoutes(foreign, parts);
  });
  await app.ready();
  return app;
}

/** Fastify's logger is off: successful requests are not logged, and the error handler has its own log. */
function newApp(fail: ReturnType<typeof errorHandler>): App {
  const app = fastify({
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: SILENCE_MS,
    requestTimeout: ARRIVAL_MS,
    frameworkErrors: fail,
    http: { maxHeaderSize: HEADER_BYTES },
    routerOptions: { maxParamLength: HEADER_BYTES },
    rewriteUrl: ({ url = '/' }) => readableUrl(url),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (reply) => JSON.stringify(reply));
  return app;
}
