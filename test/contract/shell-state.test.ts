import { beforeAll, describe, expect, it } from 'vitest';
import type { Unkept } from '../../src/protocol/messages.ts';
import { buildSandboxd, ending, out, SandboxdProcess, shell } from './sandboxd-process.ts';

beforeAll(buildSandboxd);

describe('directory and exports', () => {
  it.each<[string, string, Unkept[]]>([
    ['exec', 'cd /; exec true', [{ kind: 'state', name: '' }]],
    ['SIGKILL', 'export V=2; kill -9 $$', [{ kind: 'state', name: '' }]],
    ['the time limit', 'V=2; sleep 99', [{ kind: 'state', name: '' }]],
    ['set -v', 'set -v; cd /', [{ kind: 'state', name: '' }]],
    ['an EXIT trap that exits', "cd /; trap 'exit 3' EXIT", [{ kind: 'state', name: '' }]],
    [
      'nonsense written for it',
      'cd /; exec 5>/proc/self/fd/198; echo garbage >&5; kill -9 $$',
      [{ kind: 'state', name: '' }],
    ],
    [
      'exports that are none',
      'printf "\\0/\\n\\0rm -rf\\0\\0end" > /proc/self/fd/198; V=1; kill -9 $$',
      [{ kind: 'variables', name: '' }],
    ],
    ['a removed directory', 'mkdir d; cd d; rmdir ../d', [{ kind: 'directory', name: '' }]],
    ['nothing that could set state', 'sleep 99 | cat', []],
    ['a plain program', 'sleep 99', []],
    ['an ordinary end', 'cd /; export V=2', []],
  ])('are reported where they could not be kept: %s', async (_name, command, unkept) => {
    await using sandboxd = await SandboxdProcess.start();
    expect(await sandboxd.call(shell(command), { timeoutMs: 1000 })).toMatchObject({ unkept });
    expect(await sandboxd.call(shell('true; true'))).toMatchObject({ unkept: [] });
  });

  const big = (name: string, bytes: number): string =>
    `export ${name}=$(head -c ${String(bytes)} /dev/zero | tr '\\0' x)`;

  it.each<[string, string, string, string[]]>([
    ['of 100 kB', big('BIG', 100_000), '1|100000|/', []],
    ['longer than the kernel takes', big('BIG', 200_000), '1|0|/', ['BIG']],
    ['of more than 1 MiB together', `for i in {10..20}; do ${big('B$i', 100_000)}; done`, '1|0|/', ['B10']],
  ])('are kept but for variables %s', async (_name, command, value, names) => {
    await using sandboxd = await SandboxdProcess.start();
    const end = await sandboxd.call(shell(`export SMALL=1; cd /; ${command}; echo \${#BIG}`));
    expect(end).toMatchObject({ waitStatus: 0, unkept: names.map((name) => ({ kind: 'variable', name })) });
    expect(
      await out(sandboxd, shell('printf "%s|%s|%s" "$SMALL" "${#BIG}" "$PWD"; ls -d / > /dev/null')),
    ).toBe(value);
  });

  it('are kept but for the exports where these are above 2 MiB', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('export V=1'));
    const end = await sandboxd.call(shell(`export V=2; cd /; ${big('BIG', 3_000_000)}`));
    expect(end).toMatchObject({ unkept: [{ kind: 'variables', name: '' }] });
    expect(await out(sandboxd, shell('printf "%s|%s" "$PWD" "$V"'))).toBe('/|1');
  });

  it('do not hold up PID 1 where 20,000 small variables are too many', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const end = await sandboxd.call(
      shell(`cd /; for i in {10000..29999}; do export V$i=${'x'.repeat(70)}; done`),
    );
    expect(end).toMatchObject({ waitStatus: 0 });
    expect(ending(end).unkept?.at(-1)).toEqual({ kind: 'variables', name: '' });
    expect(await out(sandboxd, shell('echo "$PWD $V10000"'))).toBe('/ \n');
  });

  it('are carried by functions of an earlier call, which look like plain programs', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('go() { cd /; export V=$1; }; export -f go'));
    await sandboxd.call(shell('go there'));
    expect(await out(sandboxd, shell('echo "$PWD $V"'))).toBe('/ there\n');
  });

  it('do not carry what is not exported, as the tool says', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('X=5; f() { echo fn; }; alias ll="ls -l"; umask 077; shopt -s globstar'));
    expect(
      await out(sandboxd, shell('echo "[$X]"; type f ll 2>/dev/null; umask; shopt -q globstar; echo $?')),
    ).toBe('[]\n0022\n1\n');
  });
});

it('a command too long for an argument does not start where its file cannot be written', async () => {
  await using sandboxd = await SandboxdProcess.start({ prepare: 'ulimit -f 100' });
  const long = `echo ran # ${'x'.repeat(200_000)}`;
  expect(await sandboxd.call(shell(long))).toMatchObject({ type: 'start-failed', errno: 12 });
  expect(await out(sandboxd, shell('echo short; true'))).toBe('short\n');
});
