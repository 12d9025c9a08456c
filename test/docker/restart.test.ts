import { expect, it, vi } from 'vitest';
import { docker } from './support/docker.ts';
import { World } from './support/server.ts';

it('a killed controller finds its containers again and finishes the call it died in, once', async () => {
  await using world = new World();
  const first = await world.start();
  await first.tool('shell', 'r', '1', { command: 'cd /tmp; export A=kept; echo one > runs' });
  const slow = { command: 'echo two >> /tmp/runs; sleep 3; cat /tmp/runs' };
  const broken = first.tool('shell', 'r', '2', slow).catch(() => null);
  await vi.waitUntil(
    async () =>
      (await first.tool('shell', 'other', String(Math.random()), { command: 'true' })).status === 200,
  );
  await first.kill();
  expect(await broken).toBeNull();

  const second = await world.start();
  expect(await second.tool('shell', 'r', '2', slow)).toMatchObject({ status: 200, output: 'one\ntwo\n' });
  expect(await second.tool('shell', 'r', '3', { command: 'pwd; echo $A' })).toMatchObject({
    output: '/tmp\nkept\n',
  });
  const stored = await second.tool('shell', 'r', '1', { command: 'cd /tmp; export A=kept; echo one > runs' });
  expect(stored.headers.get('idempotent-replayed')).toBe('true');
  expect(await second.verdict('r')).toMatchObject({ verdict: 'valid', counts: { calls: 3, ok: 3 } });
});

it('an orderly stop removes every container; one that keeps them hands them over', async () => {
  await using world = new World();
  const keeping = await world.start({ FAULTLINE_ON_STOP: 'keep' });
  await keeping.tool('shell', 'kept', '1', { command: 'echo here > /tmp/a' });
  await keeping.stop();
  expect(await world.containers()).toHaveLength(1);

  const removing = await world.start();
  expect((await removing.tool('shell', 'kept', '2', { command: 'cat /tmp/a' })).output).toBe('here\n');
  await removing.stop();
  expect(await world.containers()).toEqual([]);
});

it('without recovery, a sandbox that vanished while the controller was down is not blamed on the model', async () => {
  await using world = new World();
  const first = await world.start();
  await first.tool('shell', 'gone', '1', { command: 'true' }, { item: { recovery: 'none' } });
  await first.kill();
  const [container] = await world.containers();
  await docker('rm', '-f', String(container));

  const second = await world.start();
  expect((await second.tool('shell', 'gone', '2', { command: 'true' })).status).toBe(503);
  expect(await second.verdict('gone')).toMatchObject({ verdict: 'exclude', reasons: ['blind'] });
});
