import { describe, expect, it, test } from 'vitest';
import { postAsAdapter } from './support/post-as-adapter.ts';
import { TOKEN, type Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

/** What a model can write into the forms of other projects, and null bytes, in real sandboxes. */

let server: Server;

withWorld(async (world) => {
  server = await world.start();
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  postAsAdapter(server, path, body, headers);

const raised = (class_path: string) => ({ status: 511, body: { swerexception: { class_path } } });

describe('SWE-ReX', () => {
  const verb = (rollout: string, name: string, form: unknown = {}) =>
    post(`/swe-rex/${rollout}/${name}`, form);

  it('counts a command that ends with 2 as one call, whether or not it parses', async () => {
    await verb('two', 'create_session');
    const silent = await verb('two', 'run_in_session', { command: 'ls /nope', check: 'silent' });
    expect(silent).toMatchObject({ status: 200, body: { exit_code: 2 } });
    expect(await verb('two', 'run_in_session', { command: 'if then' })).toMatchObject(
      raised('swerex.exceptions.BashIncorrectSyntaxError'),
    );
    expect(await server.verdict('two')).toMatchObject({ verdict: 'valid', counts: { calls: 3, ok: 3 } });
  });

  it.each([
    ['a number', '{"command":7}'],
    ['null', '{"command":null}'],
    ['a list of numbers', '{"command":[1]}'],
    ['an empty list', '{"command":[]}'],
    ['NaN', '{"command":NaN}'],
    ['a null byte', '{"command":"echo \\u0000"}'],
    ['110 MiB', `{"command":"${'x'.repeat(110 * 2 ** 20)}"}`],
    ['5 MiB', `{"command":"${'x'.repeat(5 * 2 ** 20)}"}`],
  ])('a command that is %s is recorded as the model’s', async (what, form) => {
    const rollout = `rex ${what}`;
    await verb(rollout, 'create_session');
    for (const name of ['run_in_session', 'execute']) {
      const { status, body } = await verb(rollout, name, form);
      expect([status, JSON.stringify(body)]).toEqual([200, expect.stringMatching(/shell: .*"exit_code":1/)]);
    }
    expect(await server.verdict(rollout)).toMatchObject({ verdict: 'valid', counts: { calls: 3, model: 2 } });
  });

  it('refuses a file that is too long to return, and one that is no text, in words', async () => {
    const make = 'truncate -s 40M /tmp/long; truncate -s 1G /tmp/longer; printf "\\377" > /tmp/bytes';
    await verb('long', 'execute', { command: make, shell: true });
    for (const path of ['/tmp/long', '/tmp/longer'])
      expect(await verb('long', 'read_file', { path })).toMatchObject(raised('builtins.OSError'));
    expect(await verb('long', 'read_file', { path: '/tmp/bytes' })).toMatchObject(
      raised('builtins.ValueError'),
    );
    for (const path of [7, null, '', 'a\0b', 'x'.repeat(5_000), `/${'y/'.repeat(3_000)}`]) {
      const { status, body } = await verb('long', 'read_file', { path });
      expect([status, JSON.stringify(body)]).toEqual([511, expect.stringContaining('builtins.')]);
      const written = await verb('long', 'write_file', { path, content: 'x' });
      expect(written.status).toBe(511);
    }
    expect(await verb('long', 'write_file', { path: '/tmp/w', content: 7 })).toMatchObject({ status: 511 });
    expect(await verb('long', 'write_file', { path: '/tmp/w', content: '\ud800' })).toMatchObject({
      status: 511,
    });
    expect(await server.verdict('long')).toMatchObject({ verdict: 'valid' });
  });

  it('names of files that are not UTF-8 or have newlines do no harm', async () => {
    const make =
      "cd /tmp && mkdir odd && cd odd && touch $'a\\nb' $'\\377' \"$(printf 'n%.0s' {1..255})\" && ls | wc -l";
    expect((await verb('names', 'execute', { command: ['bash', '-c', make] })).body).toMatchObject({
      exit_code: 0,
    });
    for (const [tool, given] of [
      ['list_files', { path: '/tmp/odd' }],
      ['search_files', { path: '/tmp', pattern: '.' }],
      ['read_file', { path: '/tmp/odd/a\nb' }],
      ['read_file', { path: '/tmp/odd/\ufffd' }],
    ] as const) {
      const answer = await post(
        `/v1/tools/${tool}`,
        { trace_id: 'names', arguments: given },
        { authorization: `Bearer ${TOKEN}` },
      );
      expect(answer.status).toBe(200);
    }
    expect(await server.verdict('names')).toMatchObject({ verdict: 'valid', reasons: [] });
  });
});

describe('SandboxFusion', () => {
  const run = (form: unknown, headers = {}) => post('/run_code', form, headers);

  it.each([
    ['null', null],
    ['a number', 7],
    ['an object', { a: 1 }],
    ['half of a surrogate pair', 'print("\ud800")'],
  ])('code that is %s is recorded as the model’s', async (what, code) => {
    const rollout = `fusion ${what}`;
    const { status, body } = await run({ language: 'python', code }, { 'x-rollout-id': rollout });
    expect([status, body]).toMatchObject([200, { status: 'Failed', run_result: { return_code: null } }]);
    expect(JSON.stringify(body['run_result'])).toContain('shell: ');
    expect(await server.verdict(rollout)).toMatchObject({ verdict: 'valid', counts: { calls: 1, model: 1 } });
  });

  it('runs code with a null byte as Python runs such a file', async () => {
    const { status, body } = await run({ language: 'python', code: 'print(1)\0' });
    expect([status, body]).toMatchObject([200, { run_result: { status: 'Finished' } }]);
  });

  it('names the fetched files that are too long', async () => {
    const code = 'open("a","w").write("x"); open("big","w").truncate(40*2**20); open("c","w").write("y")';
    const { body } = await run({ language: 'python', code, fetch_files: ['a', 'big', 'c', 'nope', 'x\0'] });
    expect(body).toMatchObject({ status: 'Success', files: { a: 'eA==', c: 'eQ==' } });
    expect(body['message']).toContain('at most 33554432 bytes in all: big');
  });

  it('a sandbox that the model filled or broke is the model’s, and recorded', async () => {
    const named = { 'x-rollout-id': 'fusion filled' };
    await run({ language: 'bash', code: 'rm -rf /tmp; touch /tmp' }, named);
    const { status, body } = await run({ language: 'bash', code: 'true' }, named);
    expect([status, body]).toMatchObject([200, { status: 'Failed' }]);
    expect(JSON.stringify(body['run_result'])).toContain('not in the sandbox');
    expect(await server.verdict('fusion filled')).toMatchObject({ verdict: 'valid', counts: { calls: 2 } });
  });

  it('a repeated request in a rollout joins its call', async () => {
    const headers = { 'x-rollout-id': 'fusion again', 'x-request-id': 'one' };
    const form = { language: 'bash', code: 'echo >> /tmp/runs; wc -l < /tmp/runs' };
    expect((await run(form, headers)).body).toMatchObject({ run_result: { stdout: '1\n' } });
    expect((await run(form, headers)).body).toMatchObject({ run_result: { stdout: '1\n' } });
  });
});

test('a null byte in a command or in code is told, and the next call runs', async () => {
  const auth = { authorization: `Bearer ${TOKEN}` };
  const call = async (tool: string, given: object) =>
    (await post(`/v1/tools/${tool}`, { trace_id: 'null bytes', arguments: given }, auth)).body['output'];
  expect(await call('shell', { command: 'echo a\0b' })).toContain('null byte');
  expect(await call('python', { code: 'print(1)\0' })).toContain('null byte');
  expect(await call('shell', { command: 'echo ok' })).toBe('ok\n');
  expect(await call('python', { code: 'print("ok")' })).toBe('ok\n');
  expect(await server.verdict('null bytes')).toMatchObject({ verdict: 'valid', counts: { ok: 2, model: 2 } });
});
