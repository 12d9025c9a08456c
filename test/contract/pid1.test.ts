import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  SandboxdProcess,
  buildSandboxd,
  countSleepers,
  ending,
  exec,
  out,
  python,
  shell,
  shown,
} from './sandboxd-process.ts';

beforeAll(buildSandboxd);

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

  it.each([31_000, 0])(
    'keeps the ending when all processes are killed (H05), model as uid %i',
    async (uid) => {
      await using sandboxd = await SandboxdProcess.start({ uid, keepCaps: '20' });
      await sandboxd.call(python('x = 1'));
      await sandboxd.call(shell('sleep 9999 &'));
      expect(ending(await sandboxd.call(exec('bash', '-c', 'kill -9 -1; exit 4')))).toMatchObject({
        waitStatus: 4 << 8,
        killReason: 'none',
      });
      expect(ending(await sandboxd.call(python('x')))).toMatchObject({
        interpreter: 'replaced',
        raised: true,
      });
      const other = ending(await sandboxd.call(exec('/bin/kill', '-9', '-1')));
      // It kills all processes except itself and PID 1, and fails if there is no other process.
      expect([0, 9, 1 << 8]).toContain(other.waitStatus);
      const status = ending(await sandboxd.call(exec('sh', '-c', 'kill -9 -1; kill -9 $$')));
      expect(status).toMatchObject({ waitStatus: 9, killReason: 'none', killReach: 'none' });
      expect(await out(sandboxd, shell('echo fine'))).toBe('fine\n');
    },
  );

  it('keeps status, time limit and processes of a command whose supervisor a root model has killed', async () => {
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
    expect(await out(sandboxd, exec('sh', '-c', countSleepers))).toBe('0\n');
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
