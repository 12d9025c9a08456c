import { describe, expect, it } from 'vitest';
import type { Server, World } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

/** What the model reads of a command's output. Most cases come from bug reports on other sandboxes. */
let world: World;
let server: Server;
withWorld(async (made) => {
  world = made;
  server = await world.start();
});

const MARKER = /^\[([\d,]+) bytes omitted\]\n/gm;
const told = (text: string): number =>
  [...text.matchAll(MARKER)].reduce((sum, [, count = '']) => sum + Number(count.replaceAll(',', '')), 0);

let calls = 0;
async function run(rollout: string, args: string, tool: 'shell' | 'python' = 'shell'): Promise<string> {
  calls += 1;
  const input = tool === 'shell' ? { command: args } : { code: args };
  const reply = await server.tool(tool, rollout, `c${String(calls)}`, input);
  expect(reply.status).toBe(200);
  return reply.output ?? '';
}

describe('one command', () => {
  it.each([
    [
      'both streams, line by line',
      'for t in one two three; do echo "test $t"; [ $t = two ] && echo "FAILED assertion" >&2; sleep 0.1; done; true',
      'test one\ntest two\nFAILED assertion\ntest three\n',
    ],
    [
      'a progress bar',
      `for i in $(seq 0 100); do printf '\\rDownloading %3d%% [%-50s]' $i "$(printf '#%.0s' $(seq 0 $((i/2))))"; done; echo; echo finished`,
      `Downloading 100% [${'#'.repeat(51)}]\nfinished\n`,
    ],
    ['colours', `printf '\\033[31mred\\033[0m \\033[2K\\033[1Aup \\033]0;title\\007t\\n'`, 'red up t\n'],
    ['line ends of Windows', `printf 'a\\r\\nb\\r\\n'`, 'a\nb\n'],
    ['nothing', 'true', '(no output)'],
    ['nothing, and failure', 'false', '[exit code 1]'],
    ['Latin-1', `printf 'caf\\xe9\\n'`, 'caf\ufffd\n[1 byte that is not UTF-8: shown as U+FFFD]'],
    [
      'a lone surrogate',
      'echo "a\ud800b"',
      'a\ufffdb\n[the arguments had lone surrogates, which are no text: each was replaced by U+FFFD]',
    ],
  ])('%s', async (_what, command, text) => {
    expect(await run('one', command)).toBe(text);
  });

  it('nothing, in Python', async () => {
    expect(await run('one', 'x = 1', 'python')).toBe('(no output)');
  });

  it('both streams in full: the last lines of each', async () => {
    const text = await run(
      'one',
      'for i in $(seq 1 900); do echo "tests/test_mod.py::test_case_$i PASSED                 [ ok ]"; done; for i in $(seq 1 700); do echo "/usr/lib/pkg/mod_$i.py:1: DeprecationWarning: something old is used here" >&2; done; echo "=== 3 failed, 897 passed in 12.3s ==="',
    );
    expect(text).toContain('test_case_900 PASSED');
    expect(text).toContain('mod_700.py:1');
    expect(text).toMatch(/=== 3 failed, 897 passed in 12.3s ===\n$/);
  });

  it('far above the buffer of a pipe', async () => {
    const text = await run(
      'one',
      'head -c 300000 /dev/zero | tr "\\0" a; head -c 300000 /dev/zero | tr "\\0" b >&2; echo; echo STDOUT-END; sleep 0.05; echo STDERR-END >&2',
    );
    expect(text).toMatch(/STDOUT-END[^]*STDERR-END/);
  });

  it('with the true number of omitted bytes', async () => {
    const text = await run('one', 'seq 1 100000');
    expect(Buffer.byteLength(text.replace(MARKER, '')) + told(text)).toBe(588_895);
    const both = await run('one', 'seq 1 100000; seq 1 50000 >&2');
    expect(Buffer.byteLength(both.replace(MARKER, '')) + told(both)).toBe(588_895 + 288_894);
  });

  it('is the same text everywhere, and raw in the native interface', async () => {
    const command = `printf '\\033[1mbold\\033[0m\\r\\n'; sleep 0.05; echo bad >&2; sleep 0.05; echo end`;
    const answer = await server.request('POST', '/v1/rollouts/same/calls', {
      tool: 'shell',
      call_id: 'a',
      arguments: { command },
    });
    const { output, result } = (await answer.json()) as {
      output: string;
      result: { stdout: string; stderr: string };
    };
    expect(output).toBe('bold\nbad\nend\n');
    expect([result.stdout, result.stderr]).toEqual(['\u001b[1mbold\u001b[0m\r\nend\n', 'bad\n']);
    expect((await server.tool('shell', 'same', 'b', { command })).output).toBe(output);
    const story = await server.request('GET', '/v1/rollouts/same/story');
    expect(await story.text()).toContain(JSON.stringify(output));
    expect(
      world.events('call_finished', 'same').map((event) => (event as { output: string }).output),
    ).toEqual([output, output]);
  });
});

describe('state that could not be kept is said', () => {
  it('an export that is too large; the rest of the call lasts', async () => {
    const big =
      'export SMALL=1; export BIG="$(head -c 200000 /dev/zero | tr "\\0" x)"; cd /usr; echo "len ${#BIG}"';
    expect(await run('state', big)).toBe('len 200000\n[too large to be kept for later calls: exported BIG]');
    expect(await run('state', 'echo "small=[$SMALL] big=${#BIG} in $PWD"; ls -d /etc')).toBe(
      'small=[1] big=0 in /usr\n/etc\n',
    );
  });

  it.each([
    [
      'a shell that ended before',
      'cd /usr; kill -9 $$',
      '[ended by SIGKILL]\n[the shell ended before it could save its state: directory and exported variables are those from before this command]',
    ],
    [
      'the time limit',
      'cd /usr; sleep 99',
      '[timed out after 1 s; the shell ended before it could save its state: directory and exported variables are those from before this command]',
    ],
    [
      'a directory that was removed',
      'mkdir /tmp/d; cd /tmp/d; rmdir /tmp/d',
      '[the directory that the shell was in is gone: the next call starts where this one did]',
    ],
  ])('%s', async (_what, command, text) => {
    const reply = await server.tool('shell', 'lost-state', command, { command, timeout_ms: 1000 });
    expect(reply.output).toBe(text);
    expect(
      (await server.tool('shell', 'lost-state', `${command} 2`, { command: 'pwd; true' })).output,
    ).not.toMatch(/usr|tmp/);
  });

  it('a directory that another call removed', async () => {
    await run('gone', 'mkdir -p /tmp/a/b; cd /tmp/a/b');
    await run('gone', 'import shutil; shutil.rmtree("/tmp/a/b")', 'python');
    expect(await run('gone', 'pwd')).toBe(
      '/tmp/a\n[the working directory is gone or cannot be entered: this command ran in a parent of it]',
    );
  });

  it('what an activate script sets lasts; its function does not, and that is an error of the shell', async () => {
    const script = `mkdir -p /tmp/v/bin; printf '#!/bin/sh\\necho venv-tool\\n' > /tmp/v/bin/vt; chmod +x /tmp/v/bin/vt
      printf 'deactivate() { :; }\\nexport VIRTUAL_ENV=/tmp/v PATH="/tmp/v/bin:$PATH" PS1="(v) "\\n' > /tmp/v/activate; source /tmp/v/activate && vt`;
    expect(await run('venv', script)).toBe('venv-tool\n');
    expect(await run('venv', 'vt; echo $VIRTUAL_ENV')).toBe('venv-tool\n/tmp/v\n');
    expect(await run('venv', 'deactivate')).toBe(
      'bash: line 1: deactivate: command not found\n[exit code 127]',
    );
  });
});
