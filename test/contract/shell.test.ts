import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  SandboxdProcess,
  buildSandboxd,
  ending,
  exec,
  out,
  python,
  shell,
  shown,
} from './sandboxd-process.ts';
import { trickyCommands } from './tricky-commands.ts';

beforeAll(buildSandboxd);

const busybox = '/bin/busybox';
const withoutBash = (sh: string): string => `mkdir bin; ln -s ${sh} bin/sh; ln -s ${busybox} bin/busybox`;

const sched = '/proc/self/sched';
/** Whether this kernel allows setting the scheduling slice, and shows it. */
const showsSlice = existsSync(sched) && /^se\.slice/m.test(readFileSync(sched, 'utf8'));

describe('a shell command', () => {
  it.each(trickyCommands)('prints and ends as plain bash -c does, to the byte: %j', async (command) => {
    await using sandboxd = await SandboxdProcess.start();
    const folder = `${sandboxd.folder}-plain`;
    mkdirSync(folder);
    chownSync(folder, 31_000, 31_000);
    const neutral = ({ out: text, err, code }: ReturnType<typeof shown>) => ({
      out: text.replaceAll(folder, 'FOLDER').replaceAll(sandboxd.folder, 'FOLDER'),
      err: err.replace(/(line \d+:) +\d+ (?=Killed)/g, '$1 PID '),
      code,
    });
    const argv = ['bash', '-c', command];
    const plain = await sandboxd.call({ kind: 'exec', argv, env: [], cwd: folder, stdin: Buffer.alloc(0) });
    rmSync(folder, { recursive: true });
    expect(neutral(shown(await sandboxd.call(shell(command))))).toEqual(neutral(shown(plain)));
  });

  it('too long for one argument runs', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const text = 'x'.repeat(300_000);
    const end = await sandboxd.call(shell(`cat > f <<'EOF'\n${text}\nEOF\nwc -c < f; foo`));
    expect(shown(end)).toEqual({ out: '300001\n', err: 'bash: line 4: foo: command not found\n', code: 127 });
  });

  it.runIf(showsSlice)('has short scheduling slices', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const end = await sandboxd.call(shell("awk '/^se.slice/ { print $3 }' /proc/self/sched"));
    expect(shown(end)).toEqual({ out: '100000\n', err: '', code: 0 });
  });

  it('fails to start where the image has no shell, or the model removed it; the probe still works (H02)', async () => {
    await using none = await SandboxdProcess.start({ environment: { PATH: '/nowhere' } });
    expect(none.reports[0]).toMatchObject({ shell: null });
    expect(await none.call(shell('true'))).toMatchObject({ type: 'start-failed', errno: 2, stage: 'exec' });
    const prepare = 'mkdir bin; cp /bin/bash bin/; chmod 777 bin';
    await using sandboxd = await SandboxdProcess.start({ prepare, environment: { PATH: '@/bin:/usr/bin' } });
    expect(sandboxd.reports[0]).toMatchObject({ shell: `${sandboxd.folder}/bin/bash` });
    expect(shown(await sandboxd.call(shell('rm -f bin/bash'))).code).toBe(0);
    expect(await sandboxd.call(shell('true'))).toMatchObject({
      type: 'start-failed',
      errno: 2,
      stage: 'exec',
    });
    expect(await sandboxd.call({ kind: 'probe' })).toMatchObject({ type: 'exited', waitStatus: 0 });
  });
});

describe('directory and exports', () => {
  it.each([
    ['after an ordinary end', 'mkdir d; cd d; export V=1', 'd', '1'],
    ['after a failing command', 'mkdir d; cd d; export V=1; false', 'd', '1'],
    ['after exit in the middle', 'mkdir d; cd d; export V=1; exit 3; cd /', 'd', '1'],
    ['after set -e ended it', 'set -e; mkdir d; cd d; export V=1; false; cd /', 'd', '1'],
    ['after set -u ended it', 'set -u; mkdir d; cd d; export V=1; echo $nothing', 'd', '1'],
    ['under set -x, -C and posix', 'set -xC; set -o posix; mkdir d; cd d; export V=1', 'd', '1'],
    ['with an EXIT trap of its own', "mkdir d; cd d; trap 'export V=1; cd ..' EXIT; cd .", '', '1'],
    [
      'with an EXIT trap that is taken away',
      "trap 'echo x' EXIT; mkdir d; cd d; trap - EXIT; export V=1",
      'd',
      '1',
    ],
    ['with a DEBUG trap that prints', "trap 'echo d' DEBUG; mkdir d; cd d; export V=1", 'd', '1'],
    ['with a trailing comment', 'mkdir d; cd d; export V=1 # done', 'd', '1'],
    ['with a heredoc at the end', 'mkdir d; cd d; export V=1; cat <<E\nx\nE', 'd', '1'],
    ['to a folder with a newline', "mkdir $'a\\nb'; cd $'a\\nb'; export V=1", 'a\nb', '1'],
    ['to a folder that ends in newlines', "mkdir $'a\\n\\n'; cd $'a\\n\\n'; export V=1", 'a\n\n', '1'],
    [
      'with values of many lines and quotes',
      `export V=$'x\\n"y" \\'z\\' $HOME \\\\ \\t\\e \`q\`'; true`,
      '',
      'x\n"y" \'z\' $HOME \\ \t\u001b `q`',
    ],
    ['with bytes that are no text', "export V=$'a\\xffb'", '', 'a\ufffdb'],
    ['after a failed exec', 'mkdir d; cd d; export V=1; exec nosuch', 'd', '1'],
    ['after TERM to itself', 'mkdir d; cd d; export V=1; kill -TERM $$', 'd', '1'],
    ['after a syntax error in eval', 'mkdir d; cd d; export V=1; eval "("', 'd', '1'],
  ])('carry over %s', async (_name, command, folder, value) => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell(command));
    expect(await out(sandboxd, shell('printf "%s|%s" "$PWD" "$V"'))).toBe(
      `${sandboxd.folder}${folder && '/'}${folder}|${value}`,
    );
  });

  it.each([
    ['exec', 'cd /; export V=2; exec true'],
    ['SIGKILL', 'cd /; export V=2; kill -9 $$'],
    ['the time limit', 'cd /; export V=2; sleep 99'],
    ['a syntax error', 'cd /; export V=2; ('],
    ['a subshell', '(cd /; export V=2)'],
    ['a pipe', '{ cd /; export V=2; } | cat'],
    ['a program', 'env V=2 ls'],
    ['nonsense written for it', 'cd /; export V=2; echo garbage > /proc/self/fd/198; kill -9 $$'],
  ])('are unchanged after %s', async (_name, command) => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('export V=1'));
    await sandboxd.call(shell(command), { timeoutMs: 1000 });
    expect(await out(sandboxd, shell('printf "%s|%s" "$PWD" "$V"'))).toBe(`${sandboxd.folder}|1`);
  });

  it('do not carry what a shell counts itself, and carry what was unset', async () => {
    await using sandboxd = await SandboxdProcess.start({ environment: { SHLVL: '4' } });
    for (let i = 0; i < 3; i++)
      expect(await out(sandboxd, shell('echo $SHLVL $_ $BASH_ENV; unset LANG'))).toBe('5 bash\n');
    expect(await out(sandboxd, shell('echo "${LANG-none}"'))).toBe('none\n');
    expect(await out(sandboxd, shell('env'))).not.toContain('BASH_ENV');
  });

  it('carry exported functions and OLDPWD', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('greet() { echo "hello $1"; }; export -f greet; cd /tmp; cd /'));
    expect(await out(sandboxd, shell('greet you; bash -c "greet me"; cd -'))).toBe(
      'hello you\nhello me\n/tmp\n',
    );
    expect(await out(sandboxd, shell('unset -f greet; cd -'))).toBe('/\n');
    expect(shown(await sandboxd.call(shell('greet x'))).code).toBe(127);
  });

  it('fall back to the nearest folder where the last one is gone', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('mkdir -p a/b/c; cd a/b/c'));
    await sandboxd.call(exec('rm', '-r', `${sandboxd.folder}/a/b`));
    const end = await sandboxd.call(shell('pwd'));
    expect(shown(end)).toEqual({ out: `${sandboxd.folder}/a\n`, err: '', code: 0 });
    expect(end).toMatchObject({ unkept: [{ kind: 'start-directory', name: '' }] });
    expect(await sandboxd.call(shell('pwd'))).toMatchObject({ unkept: [] });
  });

  it('keep the logical path through a link, and an image that sets BASH_ENV', async () => {
    await using sandboxd = await SandboxdProcess.start({ environment: { BASH_ENV: '/dev/stdin' } });
    await sandboxd.call(shell('mkdir real; ln -s real link; cd link'));
    expect(await out(sandboxd, shell('pwd; pwd -P; echo $BASH_ENV'))).toBe(
      `${sandboxd.folder}/link\n${sandboxd.folder}/real\n/dev/stdin\n`,
    );
  });

  it('are not shared with python or programs', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('cd /; export V=1'));
    expect(await out(sandboxd, python('import os; print(os.getcwd(), os.environ.get("V"))'))).toBe(
      `${sandboxd.folder} None\n`,
    );
  });
});

describe.each([
  ['dash', '/bin/dash'],
  ['busybox', busybox],
])('an image whose only shell is %s', (_name, path) => {
  const start = (): Promise<SandboxdProcess> =>
    SandboxdProcess.start({ prepare: withoutBash(path), environment: { PATH: '@/bin' } });

  it('carries directory and exports, with exact error texts and codes', async () => {
    await using sandboxd = await start();
    expect(shown(await sandboxd.call(shell('busybox mkdir d; cd d; export V="a\nb\'c"; foo')))).toEqual({
      out: '',
      err: path === busybox ? 'sh: foo: not found\n' : 'sh: 2: foo: not found\n',
      code: 127,
    });
    expect(await out(sandboxd, shell('pwd; echo "$V"; exit 3'))).toBe(`${sandboxd.folder}/d\na\nb'c\n`);
    expect(shown(await sandboxd.call(shell('set -eu; cd ..; false'))).code).toBe(1);
    expect(await out(sandboxd, shell('pwd; read x || echo $?'))).toBe(`${sandboxd.folder}\n1\n`);
    const long = shown(await sandboxd.call(shell(`x='${'y'.repeat(200_000)}'; echo \${#x}; exit 4`)));
    expect(long).toEqual({ out: '200000\n', err: '', code: 4 });
  });

  it.each([
    'true',
    'exit 7',
    'foo',
    '(',
    'if',
    'set -e; false; echo no',
    'echo hi # c',
    'cat <<E\nx\nE',
    'kill -9 $$',
    'set -u; echo $no',
    "trap 'echo bye' EXIT; exit 3",
    'cd nowhere',
    'exec nosuch',
    '',
  ])('runs %j as sh -c does', async (command) => {
    await using sandboxd = await start();
    expect(shown(await sandboxd.call(shell(command)))).toEqual(
      shown(await sandboxd.call(exec('sh', '-c', command))),
    );
    expect(ending(await sandboxd.call(shell('true'))).waitStatus).toBe(0);
  });
});
