import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
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

const sleepers =
  'n=0; for f in /proc/[0-9]*/cmdline; do grep -qa "sleep.999[9]" $f 2>/dev/null && n=$((n+1)); done; echo $n';

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

  it('keep the capabilities of the policy, and no other', async () => {
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

  it('that cannot be started say so with the errno', async () => {
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

describe('limits', () => {
  it('of time end the whole tree: double forks, sessions of their own, ignored signals', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const command =
      "trap '' TERM HUP INT; (setsid sh -c \"trap '' TERM; sleep 9999; sleep 9998\" &); (sleep 9999 &); sleep 9999";
    const end = ending(await sandboxd.call(shell(command), { timeoutMs: 500 }));
    expect(end).toMatchObject({ killReason: 'timeout', killReach: 'tree', waitStatus: 9 });
    expect(end.exitedAtMs - end.startedAtMs).toBeLessThan(3000);
    expect(await out(sandboxd, exec('sh', '-c', sleepers))).toBe('0\n');
  });

  it('of time spare what a finished call left behind', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('sleep 9999 &'));
    await sandboxd.call(shell('sleep 99'), { timeoutMs: 200 });
    expect(await out(sandboxd, exec('sh', '-c', sleepers))).toBe('1\n');
  });

  it('of output end a flood, with head, tail, count and digest, and memory stays flat (H44)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const end = ending(await sandboxd.call(shell('yes'), { outputBytes: 50_000_000, keepBytes: 65_536 }));
    expect(end).toMatchObject({ killReason: 'output', killReach: 'tree', waitStatus: 9 });
    expect([end.stdout.head.length, end.stdout.tail.length]).toEqual([32_768, 32_768]);
    expect(end.stdout.totalBytes).toBeGreaterThan(50_000_000);
    const peak = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${String(sandboxd.hostPid)}/status`, 'utf8'))?.[1];
    expect(Number(peak)).toBeLessThan(2048);
  });

  it.each([0, 1, 10, 100, 101, 1000])('keep the first and last bytes of a stream of %i', async (length) => {
    await using sandboxd = await SandboxdProcess.start();
    const whole = Buffer.from(Array.from({ length }, (_, i) => 97 + (i % 26)));
    const work: Work = { kind: 'exec', argv: ['cat'], env: [], cwd: null, stdin: whole };
    const { stdout } = ending(await sandboxd.call(work, { keepBytes: 101 }));
    const cut = length > 101;
    expect(Buffer.from(stdout.head)).toEqual(cut ? whole.subarray(0, 50) : whole);
    expect(Buffer.from(stdout.tail)).toEqual(cut ? whole.subarray(-51) : Buffer.alloc(0));
    const digest = execFileSync('sha256sum', { input: whole, encoding: 'utf8' }).slice(0, 64);
    expect(Buffer.from(stdout.sha256).toString('hex')).toBe(digest);
    expect(stdout.totalBytes).toBe(length);
  });

  it('can be cut short by a cancel; unknown numbers are ignored', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const { call, end } = sandboxd.begin(shell('sleep 99'));
    await sandboxd.startedOf(call);
    sandboxd.send({ type: 'cancel', call: 999 });
    sandboxd.send({ type: 'acknowledge', call: 998 });
    sandboxd.send({ type: 'cancel', call });
    expect(await end).toMatchObject({ killReason: 'cancelled', waitStatus: 9 });
    sandboxd.send({ type: 'cancel', call });
    expect(await out(sandboxd, shell('echo on'))).toBe('on\n');
  });
});

describe('PID 1', () => {
  it.each([31_000, 0])('survives every signal from inside (H04), model as uid %i', async (uid) => {
    await using sandboxd = await SandboxdProcess.start({ uid, keepCaps: '20' });
    const kills = 'for s in $(seq 1 64); do kill -$s 1 2>/dev/null; done; kill -9 1; echo still';
    expect(await out(sandboxd, exec('bash', '-c', kills))).toBe('still\n');
    expect(await out(sandboxd, shell('echo here'))).toBe('here\n');
    expect(sandboxd.exited).toBe(false);
  });

  it('ignores the signals an engine sends to stop it', async () => {
    await using sandboxd = await SandboxdProcess.start();
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(sandboxd.hostPid, signal);
    expect(await out(sandboxd, shell('echo here'))).toBe('here\n');
  });

  it('shows none of its descriptors, memory or environment, even to root without rights (H38)', async () => {
    for (const uid of [31_000, 0]) {
      await using sandboxd = await SandboxdProcess.start({ uid });
      const command =
        'for f in /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2 /proc/1/mem; do echo x > $f; cat $f; done 2>/dev/null; readlink /proc/1/fd/* /proc/1/cwd; cat /proc/1/environ';
      const { out: text } = shown(await sandboxd.call(exec('bash', '-c', command)));
      expect(text).toBe('');
      expect(sandboxd.decoder.refused).toBe(0);
    }
  });

  it.each([31_000, 0])('keeps the ending when everything is killed (H05), model as uid %i', async (uid) => {
    await using sandboxd = await SandboxdProcess.start({ uid, keepCaps: '20' });
    await sandboxd.call(python('x = 1'));
    await sandboxd.call(shell('sleep 9999 &'));
    expect(ending(await sandboxd.call(exec('bash', '-c', 'kill -9 -1; exit 4')))).toMatchObject({
      waitStatus: 4 << 8,
      killReason: 'none',
    });
    expect(ending(await sandboxd.call(python('x')))).toMatchObject({ interpreter: 'replaced', raised: true });
    const other = ending(await sandboxd.call(exec('/bin/kill', '-9', '-1')));
    // It kills all but itself and PID 1; where there is nobody left it says so.
    expect([0, 9, 1 << 8]).toContain(other.waitStatus);
    const status = ending(await sandboxd.call(exec('sh', '-c', 'kill -9 -1; kill -9 $$')));
    expect(status).toMatchObject({ waitStatus: 9, killReason: 'none', killReach: 'none' });
    expect(await out(sandboxd, shell('echo fine'))).toBe('fine\n');
  });

  it('owns a command whose supervisor a root model has killed: status, deadline and tree', async () => {
    await using sandboxd = await SandboxdProcess.start({ uid: 0, keepCaps: '20' });
    const orphan = ending(await sandboxd.call(exec('bash', '-c', 'kill -9 $PPID; sleep 0.2; exit 5')));
    expect(orphan.waitStatus).toBe(5 << 8);
    const late = ending(
      await sandboxd.call(
        exec('bash', '-c', '(setsid sleep 9999 &); kill -9 $PPID; (setsid sleep 9999 &); sleep 9999'),
        { timeoutMs: 500 },
      ),
    );
    expect(late).toMatchObject({ killReason: 'timeout', waitStatus: 9 });
    expect(await out(sandboxd, exec('sh', '-c', sleepers))).toBe('0\n');
    const stopped = ending(await sandboxd.call(exec('bash', '-c', 'kill -STOP $PPID; exit 6')));
    expect(stopped.waitStatus).toBe(6 << 8);
  });

  it('stays small', async () => {
    await using sandboxd = await SandboxdProcess.start();
    for (let i = 0; i < 20; i++) await sandboxd.call(shell('seq 20000'));
    await sandboxd.call({
      kind: 'write-file',
      path: 'big',
      offset: 0,
      data: Buffer.alloc(3_000_000, 'x'),
      mode: 0o644,
    });
    const resident = /VmRSS:\s*(\d+)/.exec(
      readFileSync(`/proc/${String(sandboxd.hostPid)}/status`, 'utf8'),
    )?.[1];
    expect(Number(resident)).toBeLessThan(1024);
  });
});
