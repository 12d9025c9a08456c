import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Work } from '../../src/protocol/messages.ts';
import {
  SandboxdProcess,
  buildSandboxd,
  countSleepers,
  ending,
  exec,
  out,
  shell,
} from './sandboxd-process.ts';

beforeAll(buildSandboxd);

describe('limits of a call', () => {
  it('of time end all processes of the call: double forks, sessions of their own, ignored signals', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const command =
      "trap '' TERM HUP INT; (setsid sh -c \"trap '' TERM; sleep 9999; sleep 9998\" &); (sleep 9999 &); sleep 9999";
    const end = ending(await sandboxd.call(shell(command), { timeoutMs: 500 }));
    expect(end).toMatchObject({ killReason: 'timeout', killReach: 'tree', waitStatus: 9 });
    expect(end.exitedAtMs - end.startedAtMs).toBeLessThan(3000);
    expect(await out(sandboxd, exec('sh', '-c', countSleepers))).toBe('0\n');
  });

  it('of time also end a process that forks and ends in turn, so that its pid is always another', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const hopper = 'import os\nwhile True:\n  if os.fork(): os._exit(0)';
    const end = ending(
      await sandboxd.call(shell(`(setsid python3 -c '${hopper}' &); sleep 9999`), { timeoutMs: 1000 }),
    );
    expect(end).toMatchObject({ killReason: 'timeout', waitStatus: 9 });
    for (let look = 0; look < 5; look += 1)
      expect(await out(sandboxd, exec('sh', '-c', 'cat /proc/[0-9]*/comm | grep -c python3'))).toBe('0\n');
  });

  it('of time spare background processes of finished calls', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(shell('sleep 9999 &'));
    await sandboxd.call(shell('sleep 99'), { timeoutMs: 200 });
    expect(await out(sandboxd, exec('sh', '-c', countSleepers))).toBe('1\n');
  });

  it('of output end a command that floods, with head, tail, count and digest, and bounded memory (H44)', async () => {
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

  it('end early by a cancel; unknown numbers are ignored', async () => {
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
