import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { postAsAdapter } from './support/post-as-adapter.ts';
import { TOKEN, type Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

let server: Server;

withWorld(async (world) => {
  server = await world.start();
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  postAsAdapter(server, path, body, headers);

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('SandboxFusion: POST /run_code', () => {
  const run = async (form: object, headers = {}) => (await post('/run_code', form, headers)).body;

  it.each([
    ['python', 'print(int(input()))', '65535\n'],
    ['bash', 'read n; echo $n', '65535\n'],
    ['perl', 'print <STDIN>', '65535'],
  ])('runs %s with stdin', async (language, code, stdout) => {
    expect(await run({ language, code, run_timeout: 5, stdin: '65535' })).toMatchObject({
      status: 'Success',
      message: '',
      run_result: { status: 'Finished', return_code: 0, stdout, stderr: '' },
    });
  });

  it.each([
    ['a failed assertion', 'assert 1 == 2', 1, 'AssertionError'],
    ['a syntax error', 'int a = 1', 1, 'SyntaxError: invalid syntax'],
    ['a signal', 'import os; os.kill(os.getpid(), 9)', -9, ''],
    ['more memory than allowed', 'a = "a" * 400_000_000', 1, 'MemoryError'],
  ])('tells %s by return code and stderr', async (_what, code, returnCode, stderr) => {
    const form = { language: 'python', code, run_timeout: 20, memory_limit_MB: 300 };
    const { status, run_result } = await run(form);
    expect([status, run_result]).toMatchObject([
      'Failed',
      { status: 'Finished', return_code: returnCode, stderr: expect.stringContaining(stderr) as string },
    ]);
  });

  it('ends what takes too long', async () => {
    const form = { language: 'python', code: 'import time; time.sleep(5)', run_timeout: 0.2 };
    expect(await run(form)).toMatchObject({
      status: 'Failed',
      run_result: { status: 'TimeLimitExceeded', return_code: null },
    });
  });

  it('puts files in and takes files out, and says nothing of those that are not there', async () => {
    const form = {
      language: 'python',
      code: 'open("a.txt", "w").write(open("dir1/dir2/flag").read()); open("/mnt/b", "w").write("sauce")',
      files: { 'dir1/dir2/flag': base64('secret'), 'left-out': null },
      fetch_files: ['a.txt', '/mnt/b', 'nope'],
    };
    expect(await run(form)).toMatchObject({
      status: 'Success',
      files: { 'a.txt': base64('secret'), '/mnt/b': base64('sauce') },
    });
  });

  it('gives each request a sandbox of its own, and ends it; a named rollout keeps its own', async () => {
    const leave = { language: 'bash', code: 'echo left > /tmp/left' };
    const look = { language: 'bash', code: 'cat /tmp/left' };
    const { executor_pod_name: once } = await run(leave);
    expect(await run(look)).toMatchObject({ status: 'Failed' });
    expect(await (await server.request('GET', `/v1/rollouts/${String(once)}`)).json()).toMatchObject({
      state: 'ended',
      verdict: 'valid',
    });
    const named = { 'x-rollout-id': 'fusion' };
    await run(leave, named);
    expect(await run(look, named)).toMatchObject({ run_result: { stdout: 'left\n' } });
  });

  it("calls what isn't the program's doing SandboxError, and the verdict has its cause", async () => {
    const form = { language: 'bash', code: 'true' };
    const { body } = await post('/run_code?task=missing', form);
    expect(body).toMatchObject({
      status: 'SandboxError',
      message: 'The tool is temporarily unavailable.',
      run_result: null,
    });
    expect(await server.verdict(String(body['executor_pod_name']))).toMatchObject({
      verdict: 'exclude',
      reasons: ['image_missing'],
    });
  });

  it("takes the token as a URL's password, and lets nobody in without", async () => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ language: 'bash', code: 'true' });
    const basic = { authorization: `Basic ${base64(`any:${TOKEN}`)}` };
    const request = (more: object) =>
      fetch(`${server.url}/run_code`, { method: 'POST', headers: { ...headers, ...more }, body });
    expect((await request(basic)).status).toBe(200);
    expect((await request({})).status).toBe(401);
    expect((await request({ authorization: `Basic ${base64('any:wrong')}` })).status).toBe(401);
  });

  it.each([
    ['a language that is not covered', { language: 'cobol', code: '' }],
    ['no code', { language: 'python' }],
    ['a file that is no base64', { language: 'python', code: '', files: { a: '%' } }],
  ])('refuses %s as FastAPI does', async (_what, form) => {
    const { status, body } = await post('/run_code', form);
    expect([status, typeof body['detail']]).toEqual([422, 'string']);
  });
});

describe('SWE-ReX: /swe-rex/<rollout>/…', () => {
  const verb = (rollout: string, name: string, form: object = {}, headers = {}) =>
    post(`/swe-rex/${rollout}/${name}`, form, headers);
  const raised = (class_path: string) => ({ status: 511, body: { swerexception: { class_path } } });

  it('keeps a session: directory, exports, both streams in one, exit code', async () => {
    await verb('session', 'write_file', { path: '/root/start', content: 'export A=sourced; echo started' });
    const open = await verb('session', 'create_session', { startup_source: ['/root/start'] });
    expect(open.body).toEqual({ output: 'started\n', session_type: 'bash' });
    await verb('session', 'run_in_session', { command: 'cd /tmp' });
    const action = { command: 'pwd; echo $A; echo err >&2; (exit 3)', check: 'silent' };
    expect((await verb('session', 'run_in_session', action)).body).toEqual({
      output: '/tmp\nsourced\nerr\n',
      exit_code: 3,
      failure_reason: '',
      expect_string: '',
      session_type: 'bash',
    });
    expect(await verb('session', 'run_in_session', { ...action, check: 'ignore' })).toMatchObject({
      body: { exit_code: null },
    });
    expect(await verb('session', 'run_in_session', { ...action, check: 'raise' })).toMatchObject(
      raised('swerex.exceptions.NonZeroExitCodeError'),
    );
    expect(await verb('session', 'run_in_session', { command: '(a' })).toMatchObject(
      raised('swerex.exceptions.BashIncorrectSyntaxError'),
    );
    await verb('session', 'close_session');
    expect(await verb('session', 'run_in_session', action)).toMatchObject(
      raised('swerex.exceptions.SessionDoesNotExistError'),
    );
    expect((await verb('session', 'create_session')).status).toBe(200);
  });

  it('runs a repeated request once', async () => {
    const id = { 'x-request-id': 'request-1' };
    await verb('once', 'create_session');
    const action = { command: 'echo >> /tmp/runs; wc -l < /tmp/runs' };
    const replies = [
      await verb('once', 'run_in_session', action, id),
      await verb('once', 'run_in_session', action, id),
    ];
    expect(replies.map(({ body }) => body['output'])).toEqual(['1\n', '1\n']);
  });

  it('executes beside the session, as subprocess.run does', async () => {
    await verb('execute', 'create_session');
    const argv = { command: ['printf', '%s|', 'a b', "it's", '$HOME'], env: { PATH: '/usr/bin' } };
    expect((await verb('execute', 'execute', argv)).body).toEqual({
      stdout: "a b|it's|$HOME|",
      stderr: '',
      exit_code: 0,
    });
    const shell = { command: 'cd /etc; pwd; echo err >&2; exit 4', shell: true, cwd: '/tmp' };
    expect((await verb('execute', 'execute', shell)).body).toEqual({
      stdout: '/etc\n',
      stderr: 'err\n',
      exit_code: 4,
    });
    const merged = await verb('execute', 'execute', { ...shell, merge_output_streams: true });
    expect(merged.body).toMatchObject({ stdout: '/etc\nerr\n', stderr: '' });
    expect(await verb('execute', 'execute', { ...shell, check: true })).toMatchObject(
      raised('swerex.exceptions.NonZeroExitCodeError'),
    );
    const killed = await verb('execute', 'execute', { command: 'kill -9 $$', shell: true });
    expect(killed.body).toMatchObject({ exit_code: -9 });
    const place = await verb('execute', 'run_in_session', { command: 'pwd' });
    expect(place.body['output']).not.toBe('/etc\n');
  });

  it('ends what takes too long, and the session goes on', async () => {
    await verb('slow', 'create_session');
    const slow = { command: 'sleep 10', timeout: 0.2 };
    const timeout = raised('swerex.exceptions.CommandTimeoutError');
    expect(await verb('slow', 'run_in_session', slow)).toMatchObject(timeout);
    expect(await verb('slow', 'execute', { ...slow, command: ['sleep', '10'] })).toMatchObject(timeout);
    const interrupt = { action_type: 'bash_interrupt' };
    expect(await verb('slow', 'run_in_session', interrupt)).toMatchObject({ body: { exit_code: 0 } });
    expect(await verb('slow', 'run_in_session', { command: 'echo on' })).toMatchObject({
      body: { output: 'on\n' },
    });
    expect(await server.verdict('slow')).toMatchObject({ verdict: 'valid', counts: { model: 2 } });
  });

  it('moves files: texts, one file, a folder as a zip that can not leave it', async () => {
    await verb('files', 'write_file', { path: '/data/new/ä.txt', content: 'text\n' });
    expect((await verb('files', 'read_file', { path: '/data/new/ä.txt' })).body).toEqual({
      content: 'text\n',
    });
    expect(await verb('files', 'read_file', { path: '/nope' })).toMatchObject(
      raised('builtins.FileNotFoundError'),
    );
    expect(await verb('files', 'read_file', { path: '/data' })).toMatchObject(raised('builtins.OSError'));
    expect(await verb('files', 'read_file', { path: '/usr/bin/env' })).toMatchObject(
      raised('builtins.ValueError'),
    );
    const folder = zipSync({ 'a/b.txt': Buffer.from('deep'), '../../evil.txt': Buffer.from('evil') });
    expect(await upload('files', '/srv/one.bin', new Uint8Array([1, 2]), false)).toBe(200);
    expect(await upload('files', '/srv/folder', folder, true)).toBe(200);
    expect(await upload('files', '/srv/folder', new Uint8Array([1, 2]), true)).toBe(413);
    const find = { command: ['find', '/srv', '/evil.txt', '-type', 'f'] };
    const { stdout } = (await verb('files', 'execute', find)).body;
    expect(String(stdout).split('\n').sort()).toEqual([
      '',
      '/srv/folder/a/b.txt',
      '/srv/folder/evil.txt',
      '/srv/one.bin',
    ]);
  });

  async function upload(rollout: string, path: string, content: Uint8Array, unzip: boolean): Promise<number> {
    const body = new FormData();
    body.append('file', new Blob([Buffer.from(content)]), 'name');
    body.append('target_path', path);
    body.append('unzip', String(unzip));
    const url = `${server.url}/swe-rex/${rollout}/upload`;
    return (await fetch(url, { method: 'POST', headers: { 'x-api-key': TOKEN }, body })).status;
  }

  it('close ends the rollout; it is alive until then', async () => {
    const alive = async () => {
      const url = `${server.url}/swe-rex/closing/is_alive`;
      return await (await fetch(url, { headers: { 'x-api-key': TOKEN } })).json();
    };
    await verb('closing', 'create_session');
    expect(await alive()).toEqual({ is_alive: true, message: '' });
    expect((await verb('closing', 'close')).status).toBe(200);
    expect(await alive()).toEqual({ is_alive: false, message: 'the rollout is ended' });
    expect((await verb('closing', 'execute', { command: ['true'] })).status).toBe(410);
  });

  it("tells infrastructure by a 503 and what isn't covered by an exception", async () => {
    expect((await verb('gone', 'execute?task=missing', { command: ['true'] })).status).toBe(503);
    await verb('limits', 'create_session');
    const unsupported = raised('swerex.exceptions.SwerexException');
    expect(await verb('limits', 'create_session', { session: 'second' })).toMatchObject(unsupported);
    const gdb = { command: 'gdb', is_interactive_command: true };
    expect(await verb('limits', 'run_in_session', gdb)).toMatchObject(unsupported);
    expect((await verb('limits', 'no_such_verb')).status).toBe(404);
    expect((await verb('limits', 'execute', { cmd: 1 })).status).toBe(422);
    expect((await post('/swe-rex/limits/execute', {}, { 'x-api-key': 'wrong' })).status).toBe(401);
  });
});
