import { beforeAll, describe, expect, it } from 'vitest';
import type { Work } from '../../src/protocol/messages.ts';
import {
  SandboxdProcess,
  buildSandboxd,
  ending,
  exec,
  out,
  python,
  shell,
  shown,
  until,
} from './sandboxd-process.ts';

beforeAll(buildSandboxd);

describe('commands', () => {
  it('run as the model, without rights, descriptors or signals of sandboxd', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const text = await out(
      sandboxd,
      exec('sh', '-c', 'id -u; id -G; ls /proc/self/fd; grep -E "^(Cap|SigBlk|SigIgn)" /proc/self/status'),
    );
    expect(text).toBe(
      ['31000', '31000', '0', '1', '2', '3', 'SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000']
        .concat(['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((set) => `Cap${set}:\t0000000000000000`))
        .join('\n') + '\n',
    );
  });

  it('keep the capabilities of the sandbox policy, and no other', async () => {
    await using sandboxd = await SandboxdProcess.start({ keepCaps: '400' });
    const text = await out(sandboxd, exec('grep', '^Cap', '/proc/self/status'));
    expect(text.match(/0000000000000400/g)).toHaveLength(5);
    await using root = await SandboxdProcess.start({ uid: 0, keepCaps: '401' });
    const rooted = await out(root, exec('grep', '-E', '^Cap(Prm|Eff|Bnd)', '/proc/self/status'));
    expect(rooted.match(/0000000000000401/g)).toHaveLength(3);
  });

  it.each([31_000, 0])(
    'run where PID 1 holds four capabilities, no new privileges and a read-only root, as uid %i',
    async (uid) => {
      const rights = '--bounding-set=-all,+setuid,+setgid,+setpcap,+kill --inh-caps=-all --no-new-privs';
      const prepare = `mount --make-rprivate /; mount -o bind /tmp /tmp; mount -o remount,bind,ro /; exec setpriv ${rights} env -i "$@"`;
      await using sandboxd = await SandboxdProcess.start({ uid, prepare });
      const text = await out(
        sandboxd,
        exec(
          'sh',
          '-c',
          'id -u; grep -E "^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs)" /proc/self/status; touch /etc/x 2>&1',
        ),
      );
      expect(text).toContain(`${String(uid)}\n`);
      expect(text.match(/0000000000000000/g)).toHaveLength(4);
      expect(text).toContain('NoNewPrivs:\t1');
      expect(text).toContain('Read-only file system');
      expect(await sandboxd.call({ kind: 'probe' })).toMatchObject({ type: 'exited', waitStatus: 0 });
      expect(await out(sandboxd, shell('cd /usr; pwd'))).toBe('/usr\n');
      expect(await out(sandboxd, shell('pwd'))).toBe('/usr\n');
      expect(await out(sandboxd, python('1 + 1'))).toBe('2\n');
      expect(ending(await sandboxd.call(shell('sleep 99'), { timeoutMs: 300 }))).toMatchObject({
        killReason: 'timeout',
        killReach: 'tree',
      });
      expect(ending(await sandboxd.call(python('while True: pass'), { timeoutMs: 500 }))).toMatchObject({
        interpreter: 'kept',
        raised: true,
      });
      expect(
        ending(await sandboxd.call({ kind: 'read-file', path: '/etc/shadow', offset: 0, length: 9 })).errno,
      ).toBe(uid === 0 ? 0 : 13);
    },
  );

  it('get HOME, their variables, directory and input', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const work: Work = {
      kind: 'exec',
      argv: ['sh', '-c', 'echo $HOME $A $PATH; pwd; cat'],
      env: ['A=b'],
      cwd: '/',
      stdin: Buffer.from('in'),
    };
    expect(await out(sandboxd, work)).toBe('/ b /usr/local/bin:/usr/bin:/bin\n/\nin');
    await using root = await SandboxdProcess.start({ uid: 0 });
    expect(await out(root, exec('printenv', 'HOME'))).toBe('/root\n');
  });

  it('that cannot be started report the errno', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(await sandboxd.call(exec('no-such-program'))).toMatchObject({
      type: 'start-failed',
      errno: 2,
      stage: 'exec',
    });
    expect(await sandboxd.call(exec('/etc/passwd'))).toMatchObject({
      type: 'start-failed',
      errno: 13,
      stage: 'exec',
    });
    expect(await sandboxd.call(exec())).toMatchObject({ type: 'start-failed', errno: 22 });
    expect(await sandboxd.call(exec('true', 'a\0b'))).toMatchObject({ type: 'start-failed', errno: 22 });
    expect(await sandboxd.call({ kind: 'probe' })).toMatchObject({ type: 'exited', waitStatus: 0 });
  });

  it('end with their own status though their pipes are closed (H14)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(shown(await sandboxd.call(shell('exec >&- 2>&-; sleep 0.3; exit 7')))).toEqual({
      out: '',
      err: '',
      code: 7,
    });
  });

  it('end though a detached child holds their output, and that child lives on without SIGPIPE (H28)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const begun = Date.now();
    const command =
      "(setsid nohup sh -c 'echo $$ > pid; while :; do echo x; sleep 0.02; done' &); while ! test -s pid; do :; done; echo hi";
    const end = ending(await sandboxd.call(shell(command)));
    expect(shown(end).out).toMatch(/^(x\n)*hi\n/);
    expect(Date.now() - begun).toBeLessThan(3000);
    for (let i = 0; i < 10; i++)
      expect(shown(await sandboxd.call(shell('sleep 0.05; kill -0 $(cat pid)'))).code).toBe(0);
  });

  it('read end of file from standard input (H33)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(shown(await sandboxd.call(shell('read x; echo $?; cat; echo done'))).out).toBe('1\ndone\n');
  });

  it('leave no zombies (H24)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(
      shell(
        'for i in $(seq 50); do (true & ) ; done; python3 -c "import os,time\nfor i in range(20):\n  os.fork() or os._exit(0)\nos.kill(os.getpid(),9)"',
      ),
    );
    await until(sandboxd, 'grep -l "State:.Z" /proc/[0-9]*/status | wc -l', '0');
  });
});
