import { expect, it } from 'vitest';
import { screen } from '../../../src/cli/top.ts';
import { authorized, testServer } from '../support/http-server.ts';
import { statusSchema } from '../../../src/http/schemas.ts';

it('shows what the server says of itself, and calls per second between two looks', async () => {
  await using server = await testServer();
  const status = async () => {
    const reply = await server.app.inject({ url: '/v1/status', headers: authorized() });
    return statusSchema.parse(reply.json());
  };
  const before = await status();
  const payload = { trace_id: 'r', call_id: 'c', arguments: { command: 'true' } };
  await server.app.inject({ method: 'POST', url: '/v1/tools/shell', headers: authorized(), payload });
  const now = await status();
  expect(now).toMatchObject({ sandboxes: { live: 1 }, rollouts: { live: 1 }, calls: { ok: 1 }, burst: null });

  const later = { ...now, at: new Date(Date.parse(before.at) + 2_000).toISOString() };
  const shown = screen(later, before);
  expect(shown).toContain('engine answers');
  expect(shown).toContain('calls      1, 0.5/s   ok 1');
  expect(shown).toContain('No bursts.');
});
