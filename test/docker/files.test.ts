import { describe, expect, it } from 'vitest';
import type { Server } from './support/server.ts';
import { withWorld } from './support/with-world.ts';

let server: Server;

withWorld(async (world) => {
  server = await world.start();
});

let calls = 0;
async function rollout(id: string, command: string) {
  const call = async (tool: string, args: object): Promise<string> => {
    const { status, output } = await server.tool(tool, id, `c${String((calls += 1))}`, args);
    expect(status).toBe(200);
    return output ?? '';
  };
  await call('shell', { command });
  return call;
}

describe('the file tools, as models see them', () => {
  it('read-large-told: a part says that it is one, and reading on leads to the end', async () => {
    const call = await rollout('large', 'seq 1 450000 > /tmp/big.txt');
    const first = await call('read_file', { path: '/tmp/big.txt' });
    expect(first).toMatch(
      /\n\[bytes 0 to \d+ of 3038895, lines 1 to \d+ of 450000: the file goes on; read on with offset \d+\]$/,
    );
    expect(first).not.toMatch(/\n450000\n|omitted/);
    const offset = Number(/offset (\d+)\]$/.exec(first)?.[1]);
    const shown = first.slice(0, first.lastIndexOf('\n[') + 1);
    expect(offset).toBe(Buffer.byteLength(shown));
    const next = await call('read_file', { path: '/tmp/big.txt', offset });
    expect(next.split('\n')[0]).toBe(String(shown.split('\n').length));
    expect(await call('read_file', { path: '/tmp/big.txt', offset: 99_999_999 })).toMatch(
      /past the end.*3038895/,
    );
  });

  it('file-tilde: ~ is the home directory of the shell', async () => {
    const call = await rollout('tilde', 'echo secret > ~/notes.txt; mkdir /tmp/h; cd /tmp');
    expect(await call('read_file', { path: '~/notes.txt' })).toBe('secret\n');
    expect(await call('write_file', { path: '~/made.txt', content: 'x' })).toBe(
      'written\n[1 byte, new file]',
    );
    const found = await call('shell', { command: 'cat ~/made.txt; find / -xdev -name "~" 2>/dev/null' });
    expect(found).toBe('x');
    await call('shell', { command: 'export HOME=/tmp/h' });
    await call('write_file', { path: '~/other.txt', content: 'y' });
    expect(await call('shell', { command: 'cat /tmp/h/other.txt' })).toBe('y');
    expect(await call('read_file', { path: '$HOME/other.txt' })).toMatch(
      /variables such as \$HOME are not expanded/,
    );
  });

  it('file-binary-latin1: bytes that are no text are told', async () => {
    const call = await rollout('latin', "printf 'caf\\xe9\\n' > /tmp/l1.txt");
    expect(await call('read_file', { path: '/tmp/l1.txt' })).toMatch(
      /^caf\ufffd\n\[1 byte shown here as U\+FFFD is not UTF-8/,
    );
  });

  it('search-pcre: patterns as models write them find what they mean, or are refused by name', async () => {
    const call = await rollout(
      'pcre',
      "mkdir -p /tmp/s && cd /tmp/s && printf 'version 42 here\\nno digits line\\ndef get_x(a):\\n  except  ValueError:\\nfoo\\nbar()\\n' > a.py && printf 'id=7\\n' > b.txt",
    );
    const search = (pattern: string, glob?: string) =>
      call('search_files', { pattern, path: '/tmp/s', ...(glob !== undefined && { glob }) });
    expect(await search('\\d+')).toBe('/tmp/s/a.py:1:version 42 here\n/tmp/s/b.txt:1:id=7');
    expect(await search('def \\w+\\(')).toMatch(/get_x/);
    expect(await search('except\\s+\\w*Error')).toMatch(/ValueError/);
    expect(await search('\\bfoo\\b')).toMatch(/:5:foo$/);
    expect(await search('(?i)VERSION')).toMatch(/version/);
    expect(await search('def .*?\\(')).toMatch(/get_x/);
    expect(await search('v(?=ersion)')).toBe(
      'this regular expression is not supported: look-ahead, at character 2',
    );
    expect(await search('bar(')).toBe('not a regular expression: missing ), at character 4');
    expect(await search('version', '**/*.py')).toMatch(/version/);
    expect(await search('version', '*.{py,ts}')).toMatch(/version/);
    expect(await search('version', '!*.py')).toBe('no match\n[files searched: 1]');
  });

  it('search-then-read: a path that an answer names can be read as it is', async () => {
    const call = await rollout(
      'then',
      'mkdir -p /tmp/pkg/sub && cd /tmp && echo "needle here" > pkg/sub/mod.py',
    );
    for (const path of ['/tmp/pkg', 'pkg', './pkg/', '.', '~/../tmp/pkg']) {
      const [named = ''] = (await call('search_files', { pattern: 'needle', path })).split(':');
      expect(await call('read_file', { path: named })).toBe('needle here\n');
      const listed = (await call('list_files', { path }))
        .split('\n')
        .find((line) => line.includes('mod.py  '));
      expect(await call('read_file', { path: listed?.split('  ')[0] })).toBe('needle here\n');
    }
  });

  it('file-odd-kinds: nothing hangs, and each kind is named', async () => {
    const call = await rollout(
      'odd',
      'mkfifo /tmp/ff; ln -s /nope /tmp/dang; truncate -s 8M /tmp/sparse; ln -s /tmp/l /tmp/l',
    );
    const read = (path: string) => call('read_file', { path });
    expect(await read('/etc')).toBe('this is a folder, not a file');
    expect(await read('/tmp/ff')).toBe('not a regular file: a pipe');
    expect(await read('/dev/zero')).toBe('not a regular file: a device');
    expect(await read('/tmp/dang')).toBe('no such file or directory: the symbolic link leads nowhere');
    expect(await read('/tmp/l')).toMatch(/symbolic links/);
    expect(await read('/proc/version')).toMatch(/^Linux/);
    expect(await read('/tmp/sparse')).toMatch(/of 8388608, lines 1 to 1 of 1: the file goes on/);
    expect(await call('write_file', { path: '/dev/full', content: 'x' })).toBe(
      'not a regular file: a device',
    );
  });

  it('list-many: how many are not shown', async () => {
    const call = await rollout('many', 'mkdir -p /tmp/many && cd /tmp/many && seq 5000 | xargs touch');
    expect(await call('list_files', { path: '/tmp/many' })).toMatch(
      /\n\[\d+ of 5000 entries are shown; an answer never has more than 2000\]$/,
    );
  });

  it('cwd-deleted: a relative path does not silently start elsewhere', async () => {
    const call = await rollout('gone', 'mkdir -p /tmp/gone/in && cd /tmp/gone/in');
    await call('shell', { command: 'exec rm -rf /tmp/gone' });
    expect(await call('list_files', {})).toMatch(/working directory cannot be entered/);
    expect(await call('write_file', { path: 'x', content: '' })).toMatch(
      /working directory cannot be entered/,
    );
    expect(await call('list_files', { path: '/tmp' })).not.toMatch(/cannot be entered/);
  });

  it('a full disk leaves the file as it was, and the answer says so', async () => {
    const call = await rollout(
      'full',
      'ulimit -a; echo old > /dev/shm/f; dd if=/dev/zero of=/dev/shm/fill bs=1M 2>/dev/null; df /dev/shm | tail -1',
    );
    expect(await call('write_file', { path: '/dev/shm/f', content: 'x'.repeat(900_000) })).toMatch(
      /nothing was written, and the file is as it was/,
    );
    expect(await call('write_file', { path: '/dev/shm/g', content: 'x'.repeat(900_000) })).toMatch(
      /and no file was made/,
    );
    expect(await call('shell', { command: 'cat /dev/shm/f; ls /dev/shm' })).toBe('old\nf\nfill\n');
  });
});
