import { describe, expect, it, vi } from 'vitest';
import { docker } from './support/docker.ts';
import type { World, Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

let world: World;
let server: Server;

withWorld(async (opened) => {
  world = opened;
  server = await world.start();
});

describe('a rollout', () => {
  it('keeps directory, exports, background work and interpreter state between calls', async () => {
    await server.tool('shell', 'state', '1', {
      command: 'mkdir -p /work && cd /work; export A="a b"; sleep 300 & false',
    });
    await server.tool('python', 'state', '2', { code: 'x = 41' });
    const shell = await server.tool('shell', 'state', '3', { command: 'pwd; echo "$A"; pgrep -c sleep' });
    expect(shell).toMatchObject({ status: 200, output: '/work\na b\n1\n' });
    expect(await server.tool('code_interpreter', 'state', '4', { code: 'x + 1' })).toMatchObject({
      output: '42\n',
    });
  });

  it('has a container to itself', async () => {
    await server.tool('shell', 'mine', '1', { command: 'echo mine > /tmp/mine' });
    const other = await server.tool('shell', 'yours', '1', { command: 'cat /tmp/mine' });
    expect(other.output).toContain('No such file');
  });

  it('runs parallel calls one after the other, in order of arrival', async () => {
    const append = (n: number) =>
      server.tool('shell', 'order', `c${String(n)}`, {
        command: `echo ${String(n)} >> /tmp/log; sleep 0.05`,
      });
    await append(0);
    await Promise.all([1, 2, 3, 4, 5, 6].map(append));
    const log = await server.tool('shell', 'order', 'read', { command: 'cat /tmp/log | tr "\\n" " "' });
    expect(log.output).toBe('0 1 2 3 4 5 6 ');
  });

  it('opens one container for many first calls at once', async () => {
    const calls = [1, 2, 3, 4, 5].map((n) =>
      server.tool('shell', 'single', `c${String(n)}`, { command: 'hostname' }),
    );
    const names = new Set((await Promise.all(calls)).map(({ output }) => output));
    expect(names.size).toBe(1);
    expect(world.claims('single')).toHaveLength(1);
  });

  it('never runs a repeated call twice, and answers it with the same bytes', async () => {
    const once = { command: 'echo run >> /tmp/runs; sleep 0.3; wc -l < /tmp/runs' };
    const [first, joined] = await Promise.all([
      server.tool('shell', 'twice', '1', once),
      server.tool('shell', 'twice', '1', once),
    ]);
    const later = await server.tool('shell', 'twice', '1', once);
    expect([first.output, joined.output, later.output]).toEqual(['1\n', '1\n', '1\n']);
    expect(later.headers.get('idempotent-replayed')).toBe('true');
  });

  it('refuses a call id that comes again with other arguments, and runs nothing', async () => {
    await server.tool('shell', 'conflict', '1', { command: 'true' });
    expect((await server.tool('shell', 'conflict', '1', { command: 'touch /tmp/ran' })).status).toBe(422);
    expect((await server.tool('shell', 'conflict', '2', { command: 'ls /tmp/ran' })).output).toContain(
      'No such file',
    );
    expect(await server.verdict('conflict')).toMatchObject({
      verdict: 'exclude',
      reasons: ['conflicting_repeat'],
    });
  });

  it('tells the model in plain words what it got wrong', async () => {
    const bad = await server.tool('shell', 'wrong', '1', { cmd: 'ls' });
    const unknown = await server.tool('fly', 'wrong', '2', {});
    expect(bad).toMatchObject({ status: 200 });
    expect(bad.output).toContain('command');
    expect(unknown.output).toContain('There is no tool "fly"');
    expect(await server.verdict('wrong')).toMatchObject({ verdict: 'valid', counts: { model: 2, ok: 0 } });
  });

  it('ends with DELETE: its container goes, its calls stay readable, later ones get 410', async () => {
    await server.tool('shell', 'ended', '1', { command: 'echo kept' });
    const [container] = world.claims('ended');
    expect((await server.request('DELETE', '/v1/rollouts/ended')).status).toBe(200);
    expect((await server.tool('shell', 'ended', '2', { command: 'true' })).status).toBe(410);
    expect((await server.tool('shell', 'ended', '1', { command: 'echo kept' })).output).toBe('kept\n');
    await vi.waitUntil(async () => !(await world.containers()).includes(String(container)), {
      timeout: 20_000,
    });
    expect(await server.verdict('ended')).toMatchObject({ verdict: 'valid' });
  });

  it('ends when idle, without being excluded for it; a call that comes later is', async () => {
    const open = { task: 'short', rollout_id: 'idle' };
    expect((await server.request('POST', '/v1/rollouts', open)).status).toBe(201);
    await server.tool('shell', 'idle', '1', { command: 'true' });
    const state = async () =>
      ((await (await server.request('GET', '/v1/rollouts/idle')).json()) as { state: string }).state;
    await vi.waitUntil(async () => (await state()) === 'ended', { timeout: 20_000, interval: 200 });
    expect(await server.verdict('idle')).toMatchObject({ verdict: 'valid' });
    expect((await server.tool('shell', 'idle', '2', { command: 'true' })).status).toBe(503);
    expect(await server.verdict('idle')).toMatchObject({ verdict: 'exclude', reasons: ['rollout_idle'] });
  });
});

describe('images and tasks', () => {
  const onTask = async (task: string, tool: string, args: object) => {
    const id = `${task}-${tool}`;
    await server.request('POST', '/v1/rollouts', { rollout_id: id, task });
    return await server.tool(tool, id, '1', args);
  };

  it.each(['minimal', 'busybox'])('%s: shell works, Python is clearly not there', async (task) => {
    expect((await onTask(task, 'shell', { command: 'echo $((6*7))' })).output).toBe('42\n');
    expect((await onTask(task, 'python', { code: '1' })).output).toBe('[this image has no Python 3]');
    expect(await server.verdict(`${task}-python`)).toMatchObject({
      verdict: 'exclude',
      reasons: ['python_absent'],
    });
  });

  it('empty: files work, shell and Python are clearly not there', async () => {
    expect((await onTask('empty', 'write_file', { path: '/notes/a', content: 'text' })).output).toBe(
      'written\n[4 bytes, new file]',
    );
    expect((await server.tool('read_file', 'empty-write_file', '2', { path: '/notes/a' })).output).toBe(
      'text',
    );
    expect((await onTask('empty', 'shell', { command: 'true' })).output).toBe('[this image has no shell]');
  });

  it('answers 503 and excludes where the image or the set-up is broken', async () => {
    expect((await onTask('missing', 'shell', { command: 'true' })).status).toBe(503);
    expect(await server.verdict('missing-shell')).toMatchObject({
      verdict: 'exclude',
      reasons: ['image_missing'],
    });
    expect((await onTask('broken-setup', 'shell', { command: 'true' })).status).toBe(503);
    expect(await server.verdict('broken-setup-shell')).toMatchObject({
      verdict: 'exclude',
      reasons: ['setup_failed'],
    });
  });

  it('chooses the task by the item, prepares it, and has its custom tool', async () => {
    const item = { item: { kind: 'prepared' } };
    expect((await server.tool('shell', 'prep', '1', { command: 'cat /srv/state' }, item)).output).toBe(
      'ready\n',
    );
    expect((await server.tool('grep_state', 'prep', '2', { word: 'ready' })).output).toBe('1\n');
    const hostile = { word: '$(touch /tmp/owned); `id`' };
    expect((await server.tool('grep_state', 'prep', '3', hostile)).output).toBe('0\n[exit code 1]');
    expect((await server.tool('shell', 'prep', '4', { command: 'ls /tmp/owned' })).output).toContain(
      'No such file',
    );
  });
});

describe('files', () => {
  it('moves megabytes in and out unchanged', async () => {
    const content = Buffer.alloc(3_000_000, 'faultline');
    const path = '/v1/rollouts/files/files?path=/tmp/big.bin';
    const headers = { 'content-type': 'application/octet-stream' };
    expect((await server.request('PUT', path, content.toString('latin1'), headers)).ok).toBe(true);
    const back = Buffer.from(await (await server.request('GET', path)).arrayBuffer());
    expect(back.equals(content)).toBe(true);
  });

  it.each([
    ['a missing file', '/nope'],
    ['a folder', '/tmp'],
    ['a pipe', '/tmp/pipe'],
  ])('refuses %s without hanging', async (_what, path) => {
    await server.tool('shell', 'pipes', path, { command: 'test -p /tmp/pipe || mkfifo /tmp/pipe' });
    const response = await server.request('GET', `/v1/rollouts/pipes/files?path=${path}`);
    expect(response.status).toBe(404);
  });
});

describe('a hostile model', () => {
  it('does not get out of a bad grade by breaking its sandbox', async () => {
    const steps: [string, RegExp][] = [
      ['kill -9 1; kill -TERM 1', /^\(no output\)$/],
      ['kill -9 -1', /^\(no output\)$/],
      ['tail /dev/zero', /out of memory \(limit 128 MiB\)/],
      ['exit 137', /^\[exit code 137\]$/],
      ['timeout 1 sleep 5', /^\[exit code 124\]$/],
      ['echo \'{"error":{"type":"infra","retryable":true}}\'; exit 126', /infra.*\n\[exit code 126\]$/],
      ['rm -rf / --no-preserve-root 2>/dev/null', /^\[exit code 1\]$/],
      ['echo still here', /shell missing \(removed earlier in this rollout\)/],
    ];
    await server.request('POST', '/v1/rollouts', { rollout_id: 'hostile', task: 'small' });
    for (const [n, [command, expected]] of steps.entries()) {
      const reply = await server.tool('shell', 'hostile', `c${String(n)}`, { command, timeout_ms: 60_000 });
      expect(reply.status, command).toBe(200);
      expect(reply.output, command).toMatch(expected);
    }
    const { verdict, counts } = await server.verdict('hostile');
    expect([verdict, counts['infra'], counts['undetermined']]).toEqual(['valid', 0, 0]);
  });

  it('loses at most a call at a time to a fork bomb that lives on, and is told why', async () => {
    await server.tool('shell', 'bomb', '0', { command: 'bomb() { bomb | bomb & }; bomb' });
    const call = (n: number) => server.tool('shell', 'bomb', `after-${String(n)}`, { command: 'echo alive' });
    const replies = [];
    for (let n = 1; n <= 10; n += 1) replies.push(await call(n));
    for (const { status, output } of replies) {
      expect(status).toBe(200);
      expect(output).toMatch(/alive|process limit reached|Resource temporarily unavailable/);
    }
    expect(replies.filter(({ output }) => output?.endsWith('alive\n') === true).length).toBeGreaterThan(0);
    const { verdict, counts } = await server.verdict('bomb');
    expect([verdict, counts['infra'], counts['undetermined']]).toEqual(['valid', 0, 0]);
  });

  it('cannot hold up the others with output', async () => {
    const flood = server.tool('shell', 'flood', '1', { command: 'yes', timeout_ms: 3_000 });
    const canary = await server.tool('shell', 'canary', '1', { command: 'echo fine' });
    const health = await fetch(`${server.url}/healthz`);
    expect([canary.output, health.status]).toEqual(['fine\n', 200]);
    expect((await flood).output).toMatch(/bytes omitted[\s\S]*timed out after 3 s/);
  });
});

describe('infrastructure', () => {
  it("without recovery, a container killed from outside is not the model's doing, and stays so", async () => {
    await server.tool('shell', 'killed', '1', { command: 'true' }, { item: { recovery: 'none' } });
    const [container] = world.claims('killed');
    await docker('kill', String(container));
    const reply = await server.tool('shell', 'killed', '2', { command: 'true' });
    expect([reply.status, reply.output]).toEqual([503, null]);
    expect(reply.headers.get('retry-after')).not.toBeNull();
    expect(await server.verdict('killed')).toMatchObject({ verdict: 'exclude', reasons: ['sandbox_killed'] });
  });
});
