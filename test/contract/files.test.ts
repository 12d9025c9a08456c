import { beforeAll, describe, expect, it } from 'vitest';
import { decodeListing, decodeMatches } from '../../src/protocol/listing.ts';
import type { Work } from '../../src/protocol/messages.ts';
import {
  SandboxdProcess,
  buildSandboxd,
  ending,
  exec,
  out,
  shell,
  type CallEnd,
} from './sandboxd-process.ts';

beforeAll(buildSandboxd);

describe('files', () => {
  const read = (path: string, offset = 0, length = 1 << 20): Work => ({
    kind: 'read-file',
    path,
    offset,
    length,
  });
  const write = (path: string, text: string, offset = 0): Work => ({
    kind: 'write-file',
    path,
    offset,
    data: Buffer.from(text),
    mode: 0o640,
  });
  const text = (end: CallEnd): string => Buffer.from(ending(end).payload).toString();

  it('are written with parents and mode, and read in parts', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(ending(await sandboxd.call(write('a/b/c.txt', 'hello world'))).errno).toBe(0);
    expect(ending(await sandboxd.call(write('a/b/c.txt', 'W', 6))).errno).toBe(0);
    expect(text(await sandboxd.call(read('a/b/c.txt', 6, 3)))).toBe('Wor');
    expect(await out(sandboxd, exec('stat', '-c', '%a %U %s', 'a/b/c.txt'))).toBe('640 UNKNOWN 11\n');
    await sandboxd.call(write('a/b/c.txt', 'new'));
    expect(text(await sandboxd.call(read(`${sandboxd.folder}/a/b/c.txt`)))).toBe('new');
    await sandboxd.call(shell('cd a/b'));
    expect(text(await sandboxd.call(read('c.txt')))).toBe('new');
  });

  it.each([
    ['a FIFO', 'mkfifo x', 22],
    ['a folder', 'mkdir x', 21],
    ['nothing', 'true', 2],
    ['a link to a device', 'ln -s /dev/zero x', 22],
    ['a link to a secret', 'ln -s /etc/shadow x', 13],
    ['a socket', 'python3 -c \'import socket; socket.socket(socket.AF_UNIX).bind("x")\'', 22],
    ['a link to itself', 'ln -s x x', 40],
  ])('that are %s are refused at once (H62)', async (_name, make, errno) => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell(make));
    expect(ending(await sandboxd.call(read('x')))).toMatchObject({
      errno,
      waitStatus: 0,
      killReason: 'none',
    });
    if (errno !== 2) expect(ending(await sandboxd.call(write('x', 'y'))).errno).toBe(errno);
  });

  it('are not written where the model may not write', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(ending(await sandboxd.call(write('/etc/faultline', 'y'))).errno).toBe(13);
    expect(ending(await sandboxd.call(write('/proc/1/oom_score_adj', '1'))).errno).toBe(13);
  });

  it('are listed in order, with hostile names, and cut where asked (H41)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(
      shell(
        "mkdir -p d/e; touch d/b d/e/z $'new\\nline' $'bad\\xff' $(printf %0255d 0); ln -s / d/root; mkfifo p",
      ),
    );
    const list = async (depth: number, limit: number) =>
      decodeListing(
        ending(await sandboxd.call({ kind: 'list-files', path: '.', depth, limit })).payload,
        'paths',
      );
    const all = await list(9, 1000);
    const names = ['0'.repeat(255), 'bad\udcff', 'd', 'd/b', 'd/e', 'd/e/z', 'd/root', 'new\nline', 'p'];
    expect(all.items.map((entry) => entry.path)).toEqual(names);
    expect(all.items.map(({ target }) => target).filter((target) => target !== null)).toEqual(['/']);
    expect(all.items.map((entry) => entry.type).slice(2, 9)).toEqual([
      'folder',
      'file',
      'folder',
      'file',
      'link',
      'file',
      'fifo',
    ]);
    expect(all.truncated).toBe(false);
    expect((await list(1, 1000)).items).toHaveLength(5);
    expect(await list(9, 3)).toMatchObject({ truncated: true, items: { length: 3 } });
    expect(ending(await sandboxd.call({ kind: 'list-files', path: 'none', depth: 1, limit: 1 })).errno).toBe(
      2,
    );
  });

  it('below five thousand folders are cut at a depth of 128 (H41)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(
      shell("python3 -c \"import os\nfor i in range(5000):\n  os.mkdir('d'); os.chdir('d')\""),
    );
    const deep = ending(await sandboxd.call({ kind: 'list-files', path: '.', depth: 9999, limit: 9999 }));
    const listing = decodeListing(deep.payload, 'paths');
    expect(listing).toMatchObject({ truncated: true, items: { length: 128 } });
    expect(deep.facts).toMatchObject({ total: 128, deepFolders: 1 });
    const found = ending(
      await sandboxd.call({ kind: 'search-files', path: '.', pattern: 'x', glob: null, limit: 10 }),
    );
    expect(decodeMatches(found.payload, 'paths')).toEqual({ items: [], truncated: true });
    expect(found.facts).toMatchObject({ total: 0, searchedFiles: 0, deepFolders: 1 });
  });

  it('are searched: regular files only, by pattern and name, and a binary one that matches is said to', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(
      shell(
        'mkdir s; printf "one\\ntwo 22\\n" > s/a.txt; printf "two 2\\0" > s/b.bin; echo two 3 > c.py; mkfifo s/p; ln -s s l',
      ),
    );
    const search = async (pattern: string, glob: string | null, path = '.') =>
      decodeMatches(
        ending(await sandboxd.call({ kind: 'search-files', path, pattern, glob, limit: 100 })).payload,
        'paths',
      ).items.map(({ path, line, text }) => ({ path, line, text }));
    expect(await search('two [0-9]+', null)).toEqual([
      { path: 'c.py', line: 1, text: 'two 3' },
      { path: 's/a.txt', line: 2, text: 'two 22' },
      { path: 's/b.bin', line: 0, text: '' },
    ]);
    expect(await search('two', '*.py')).toHaveLength(1);
    expect(await search('two', null, 's/a.txt')).toHaveLength(1);
    const bad = await sandboxd.call({ kind: 'search-files', path: '.', pattern: '(', glob: null, limit: 1 });
    expect(ending(bad).errno).toBe(74);
  });

  it('are searched within the time limit also where one line takes longer', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell("echo abcz > a; head -c 1000000 /dev/zero | tr '\\0' a > b"));
    const end = ending(
      await sandboxd.call(
        { kind: 'search-files', path: '.', pattern: '(a?b?c?d?){1000}z', glob: null, limit: 1000 },
        { timeoutMs: 2000 },
      ),
    );
    expect(end).toMatchObject({ killReason: 'none', errno: 0, facts: { outOfTime: 1, uncounted: 1 } });
    expect(decodeMatches(end.payload, 'paths').items).toMatchObject([{ path: 'a' }]);
  });

  it('are searched within the time limit: what was found until then is the answer, and it says so', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('echo needle > a; truncate -s 64G b'));
    for (const path of ['.', '/']) {
      const end = ending(
        await sandboxd.call(
          { kind: 'search-files', path, pattern: '(a*)*(b*)*zzz9|needle', glob: null, limit: 1000 },
          { timeoutMs: 400 },
        ),
      );
      expect(end.exitedAtMs - end.startedAtMs).toBeLessThan(3000);
      expect(end).toMatchObject({ killReason: 'none', errno: 0, facts: { outOfTime: 1, uncounted: 1 } });
      if (path === '.')
        expect(decodeMatches(end.payload, 'paths')).toMatchObject({
          truncated: true,
          items: [{ path: 'a' }],
        });
    }
  });
});
