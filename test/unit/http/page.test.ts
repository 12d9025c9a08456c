import { afterEach, beforeEach, expect, test } from 'vitest';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const get = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  server.app.inject({ url, headers });

test('the page and its modules need no token, and nothing else of the disk can be had', async () => {
  for (const url of ['/', '/assets/main.ts', '/assets/style.css', '/assets/vendor/chart.js/dist/chart.js'])
    expect([url, (await get(url)).statusCode]).toEqual([url, 200]);
  for (const url of [
    '/assets/../main.ts',
    '/assets/%2e%2e/page-files.ts',
    '/assets/tsconfig.json',
    '/assets/',
    '/assets/page-files.ts',
  ])
    expect([url, (await get(url)).statusCode]).toEqual([url, 404]);
});

test('types are stripped; what came once comes as 304; the policy allows no inline script but the import map', async () => {
  const module = await get('/assets/api.ts');
  expect(module.headers['content-type']).toBe('text/javascript; charset=utf-8');
  expect(module.body).not.toContain(': Promise<');
  expect((await get('/assets/api.ts', { 'if-none-match': String(module.headers.etag) })).statusCode).toBe(
    304,
  );
  expect((await get('/assets/api.ts', { 'accept-encoding': 'gzip' })).headers['content-encoding']).toBe(
    'gzip',
  );
  const policy = String((await get('/')).headers['content-security-policy']);
  expect(policy).toMatch(
    /^default-src 'none'; script-src 'self' 'sha256-[^']+'; style-src 'self'; connect-src 'self';/,
  );
  expect(policy).not.toContain('unsafe');
});

test('what the page shows needs the token', async () => {
  for (const url of [
    '/v1/live',
    '/v1/reports/overview',
    '/v1/reports/risk',
    '/v1/reports/diagnostics',
    '/v1/rollouts/r/story',
  ])
    expect([url, (await get(url)).statusCode]).toEqual([url, 401]);
});

/** Each report is a process of its own. */
const REPORTS_MS = 120_000;

test(
  'reports: of an empty journal, of a wrong time, of a rollout that nobody knows',
  { timeout: REPORTS_MS },
  async () => {
    expect((await get('/v1/reports/overview', authorized())).json()).toMatchObject({
      rollouts: { total: 0 },
      identity: { holds: true },
    });
    expect((await get('/v1/reports/overview?since=yesterday', authorized())).json()).toMatchObject({
      error: 'bad_request',
    });
    expect((await get('/v1/rollouts/--help/story', authorized())).json()).toMatchObject({
      error: 'unknown_rollout',
    });
  },
);
