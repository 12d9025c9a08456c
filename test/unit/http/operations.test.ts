import { readFileSync } from 'node:fs';
import { format } from 'prettier';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { httpErrors } from '../../../src/http/errors.ts';
import { JournalError } from '../../../src/journal/journal.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const get = (url: string) => server.app.inject({ url, headers: authorized() });

describe('documents', () => {
  test('the committed OpenAPI document is what the routes say (vitest -u writes it anew)', async () => {
    const document = await format((await get('/openapi.json')).body, { parser: 'json', printWidth: 110 });
    await expect(document).toMatchFileSnapshot('../../../src/http/openapi.json');
  });

  test('the README has the table of errors as the code has it', () => {
    const rows = Object.entries(httpErrors).map(
      ([code, { status, sentence }]) => `| \`${code}\` | ${String(status)} | ${sentence} |`,
    );
    const readme = readFileSync('src/http/README.md', 'utf8').replace(/ +\|/g, ' |').split('\n');
    expect(readme.filter((line) => /^\| `\w+` \| \d{3} \|/.test(line))).toEqual(rows);
  });
});

describe('health', () => {
  test('alive and ready without a token', async () => {
    for (const url of ['/healthz', '/readyz', '/metrics']) {
      expect((await server.app.inject({ url })).statusCode).toBe(200);
    }
  });

  test('not ready while the engine is away, and says so', async () => {
    server.engine.pingFault = new SandboxFault('engine_down', 'no answer');
    const reply = await get('/readyz');
    expect([reply.statusCode, reply.json()]).toEqual([
      503,
      { ready: false, problems: ['engine: no answer'] },
    ]);
    expect((await get('/healthz')).statusCode).toBe(200);
  });

  test('not ready while the journal takes nothing', async () => {
    vi.spyOn(server.journal, 'flush').mockRejectedValueOnce(new JournalError('not_written', 'disk full'));
    expect((await get('/readyz')).json()).toEqual({ ready: false, problems: ['journal: disk full'] });
  });

  test('a call that can not be recorded is a 503, logged once', async () => {
    await server.journal[Symbol.asyncDispose]();
    const payload = { trace_id: 'r', arguments: { command: 'echo' } };
    const reply = await server.app.inject({
      method: 'POST',
      url: '/v1/tools/shell',
      headers: authorized(),
      payload,
    });
    expect([reply.statusCode, reply.json()]).toMatchObject([503, { error: 'unavailable' }]);
    expect(server.logged).toHaveLength(1);
  });
});

describe('metrics', () => {
  const call = (name: string) =>
    server.app.inject({
      method: 'POST',
      url: '/v1/tools',
      headers: authorized(),
      payload: { name, trace_id: 'r', arguments: { command: 'echo' } },
    });

  test('calls by tool, attribution and cause; rollouts by state; refusals by code', async () => {
    await call('shell');
    await server.app.inject({ url: '/v1/rollouts' });
    const { body } = await get('/metrics');
    expect(body).toContain('faultline_calls_total{tool="shell",attribution="ok",cause="completed"} 1');
    expect(body).toContain('faultline_call_duration_seconds_count{tool="shell"} 1');
    expect(body).toContain('faultline_rollouts{state="live"} 1');
    expect(body).toContain('faultline_starts{phase="waiting"} 0');
    expect(body).toContain('faultline_removals{phase="abandoned"} 0');
    expect(body).toContain('faultline_requests_refused_total{code="unauthorized"} 1');
  });

  test("a model's inventions don't become time series", async () => {
    for (const name of ['a', 'b', 'c']) await call(name);
    const { body } = await get('/metrics');
    expect(body).toContain('{tool="unknown",attribution="model",cause="unknown_tool"} 3');
    expect(body).not.toContain('tool="a"');
  });
});

describe('tasks', () => {
  const names = ['shell', 'read_file', 'write_file', 'list_files', 'search_files'];
  const tools = async (query: string) =>
    (await get(`/v1/tasks/minimal/tools${query}`)).json<{ tools: object[] }>().tools;

  test('are listed with their tools', async () => {
    expect((await get('/v1/tasks')).json()).toMatchObject({
      tasks: [
        { name: 'base', default: true },
        { name: 'minimal', image: 'minimal', tools: names, default: false },
        { name: 'reports', image: 'reports', tools: ['search', 'list', 'cat'], default: false },
      ],
    });
  });

  test('tool definitions in the forms that others take', async () => {
    const parameters = { type: 'object', required: ['command'], additionalProperties: false };
    expect((await tools(''))[0]).toMatchObject({
      type: 'function',
      name: 'shell',
      parameters,
      strict: false,
    });
    expect((await tools('?format=chat'))[0]).toMatchObject({
      type: 'function',
      function: { name: 'shell', parameters },
    });
    expect((await tools('?format=job&server_url=https://tools.example/')).map((tool) => tool)).toEqual(
      names.map((name) => ({
        name,
        server_url: `https://tools.example/v1/tools/${name}?task=minimal`,
        headers: { Authorization: 'Bearer <FAULTLINE_TOKEN>' },
      })),
    );
  });

  test.each([
    '/v1/tasks/nope/tools',
    '/v1/tasks/base/tools?format=yaml',
    '/v1/tasks/base/tools?server_url=ftp://x',
  ])('%s is a 400', async (url) => {
    expect((await get(url)).statusCode).toBe(400);
  });
});
