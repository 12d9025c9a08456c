import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { expect, it } from 'vitest';
import { TOKEN, type Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

let server: Server;

withWorld(async (world) => {
  server = await world.start();
});

interface Connected extends AsyncDisposable {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
}

/** The SDK's own client, as sandboxd frameworks use it. */
async function connect(headers: Record<string, string> = {}, query = ''): Promise<Connected> {
  const transport = new StreamableHTTPClientTransport(new URL(`${server.url}/mcp${query}`), {
    requestInit: { headers: { authorization: `Bearer ${TOKEN}`, ...headers } },
  });
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  return { client, transport, [Symbol.asyncDispose]: () => client.close() };
}

async function call(client: Client, name: string, args: Record<string, unknown>) {
  const { content, isError } = (await client.callTool({ name, arguments: args })) as CallToolResult;
  const [first] = content;
  return { text: first?.type === 'text' ? first.text : null, isError };
}

it('lists the tools of the task and keeps a rollout for the session', async () => {
  await using one = await connect();
  const { tools } = await one.client.listTools();
  expect(tools.map(({ name }) => name)).toContain('search_files');
  expect(tools[0]).toMatchObject({ name: 'shell', inputSchema: { required: ['command'] } });
  await call(one.client, 'shell', { command: 'cd /tmp; export A=kept' });
  expect(await call(one.client, 'shell', { command: 'pwd; echo $A' })).toEqual({
    text: '/tmp\nkept\n',
    isError: false,
  });
  await using other = await connect();
  expect((await call(other.client, 'shell', { command: 'pwd; echo $A' })).text).not.toContain('kept');
});

it('plays in the rollout that a header names, and a second session may go on in it', async () => {
  const named = { 'x-rollout-id': 'by-header', 'x-task': 'prepared' };
  {
    await using first = await connect(named);
    expect((await first.client.listTools()).tools).toHaveLength(2);
    expect((await call(first.client, 'grep_state', { word: 'ready' })).text).toBe('1\n');
    await call(first.client, 'shell', { command: 'echo first > /tmp/a' });
  }
  await using second = await connect(named);
  await call(second.client, 'shell', { command: 'true' });
  expect((await call(second.client, 'shell', { command: 'cat /tmp/a' })).text).toBe('first\n');
  expect(await server.verdict('by-header')).toMatchObject({ verdict: 'valid', counts: { calls: 4, ok: 4 } });
});

it('what the model got wrong is its answer, marked as an error', async () => {
  await using one = await connect({ 'x-rollout-id': 'mcp-wrong' });
  const wrong = await call(one.client, 'shell', { cmd: 'ls' });
  expect(wrong).toMatchObject({ isError: true });
  expect(wrong.text).toContain('invalid arguments');
  expect((await call(one.client, 'fly', {})).text).toContain('There is no tool "fly"');
  expect(await server.verdict('mcp-wrong')).toMatchObject({ verdict: 'valid', counts: { model: 2 } });
});

it("what isn't for the model is an error of the protocol, in constant words", async () => {
  await using one = await connect({ 'x-rollout-id': 'mcp-missing' }, '?task=missing');
  await expect(one.client.callTool({ name: 'shell', arguments: { command: 'true' } })).rejects.toMatchObject({
    code: -32_050,
    message: expect.stringContaining('The tool is temporarily unavailable.') as string,
    data: { status: 503 },
  });
  expect(await server.verdict('mcp-missing')).toMatchObject({
    verdict: 'exclude',
    reasons: ['image_missing'],
  });
});

it('the end of a session ends the rollout that was made for it, and no other', async () => {
  await using own = await connect();
  await call(own.client, 'shell', { command: 'true' });
  const rollout = String(own.transport.sessionId).split('.').at(-1) ?? '';
  await own.transport.terminateSession();
  expect(await (await server.request('GET', `/v1/rollouts/${rollout}`)).json()).toMatchObject({
    state: 'ended',
  });
  await using named = await connect({ 'x-rollout-id': 'stays' });
  await call(named.client, 'shell', { command: 'true' });
  await named.transport.terminateSession();
  expect(await (await server.request('GET', '/v1/rollouts/stays')).json()).toMatchObject({ state: 'live' });
});

it('lets nobody in without the token, and takes no message that belongs nowhere', async () => {
  await expect(connect({ authorization: 'Bearer wrong-token' })).rejects.toThrow(/401|Unauthorized/i);
  const stray = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
  expect((await server.request('POST', '/mcp', stray)).status).toBe(400);
  expect((await server.request('POST', '/mcp', stray, { 'mcp-session-id': 'nonsense' })).status).toBe(400);
});
