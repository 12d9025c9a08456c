import { constants } from 'node:os';
import { join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCommand } from '../../src/protocol/command-codec.ts';
import type { Report } from '../../src/protocol/messages.ts';
import { SandboxdProcess, buildSandboxd, exec, limits, out, shell, shown } from './sandboxd-process.ts';

beforeAll(buildSandboxd);

describe('an attachment', () => {
  it('is sent nothing before resume', async () => {
    await using sandboxd = new SandboxdProcess();
    sandboxd.write(encodeCommand({ type: 'start', call: 1, work: exec('true'), limits }, sandboxd.instance));
    const state = await sandboxd.resume();
    expect(sandboxd.reports).toHaveLength(1);
    expect(state).toMatchObject({ running: [], lastCall: 0, refusedFrames: 1 });
  });

  it('that broke loses nothing: the ending is kept, and sent after every resume until acknowledged', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const { call, end } = sandboxd.begin(shell('echo once >> log; cat log'));
    const first = await end;
    for (let i = 0; i < 2; i++) {
      const again = sandboxd.endOf(call);
      await sandboxd.resume();
      expect(await again).toEqual(first);
    }
    sandboxd.send({ type: 'acknowledge', call });
    const reports = sandboxd.reports.length;
    await sandboxd.resume();
    expect(await out(sandboxd, shell('cat log'))).toBe('once\n');
    expect(
      sandboxd.reports.slice(reports).filter((report) => report.type === 'exited' && report.call === call),
    ).toEqual([]);
  });

  it('made while a command runs is told that it runs', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const { call, end } = sandboxd.begin(shell('while ! test -e go; do sleep 0.02; done; echo went'));
    await sandboxd.startedOf(call);
    expect(await sandboxd.resume()).toMatchObject({ running: [call], lastCall: call });
    await sandboxd.call(exec('touch', 'go'));
    expect(shown(await end).out).toBe('went\n');
  });

  it('that is not read blocks nothing: work goes on, clocks run, endings come later', async () => {
    await using sandboxd = await SandboxdProcess.start();
    sandboxd.stopReading();
    const ends = Array.from(
      { length: 30 },
      (_, i) => sandboxd.begin(shell(`seq 30000; echo ${String(i)} >> log`)).end,
    );
    const deadline = Date.now() + 20_000;
    const log = join(sandboxd.folder, 'log');
    while (!(existsSync(log) && readFileSync(log, 'utf8').includes('3\n')) && Date.now() < deadline)
      await new Promise(setImmediate);
    expect(readFileSync(log, 'utf8')).toContain('3\n');
    sandboxd.readOn();
    const settled = (await Promise.all(ends)).filter((end) => end.type === 'exited');
    expect(settled.length).toBeGreaterThan(0);
  });

  it('whose reading end is closed (EPIPE) ends nothing: sandboxd lives, and work goes on', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const { hostPid } = sandboxd;
    sandboxd.closeReading();
    for (let i = 0; i < 5; i++)
      sandboxd.send({ type: 'start', call: i + 1, limits, work: exec('touch', `ran-${String(i)}`) });
    const deadline = Date.now() + 20_000;
    while (!existsSync(join(sandboxd.folder, 'ran-4')) && Date.now() < deadline)
      await new Promise(setImmediate);
    expect(existsSync(join(sandboxd.folder, 'ran-4'))).toBe(true);
    expect(() => process.kill(hostPid, 0)).not.toThrow();
  });

  it.each([1, 5, 30, 80])('that follows a partial frame of %i bytes is understood', async (length) => {
    await using sandboxd = await SandboxdProcess.start();
    const start = encodeCommand(
      { type: 'start', call: 50, work: exec('touch', 'ran'), limits },
      sandboxd.instance,
    );
    sandboxd.write(start.subarray(0, length));
    expect(await sandboxd.resume()).toMatchObject({ lastCall: 0, refusedFrames: 1 });
  });

  it('is understood after garbage of any length', async () => {
    await using sandboxd = await SandboxdProcess.start();
    for (let i = 0; i < 12; i++) sandboxd.write(Buffer.alloc(1 << 20, 1 + i));
    sandboxd.write(Buffer.from([0, 0, 3, 1, 2, 0, 255, 0]));
    expect((await sandboxd.resume()).refusedFrames).toBe(3);
    expect(await out(sandboxd, shell('echo fine'))).toBe('fine\n');
  });

  it('with frames for another instance refuses them', async () => {
    await using sandboxd = await SandboxdProcess.start();
    sandboxd.write(encodeCommand({ type: 'start', call: 9, work: exec('true'), limits }, 'ee'.repeat(16)));
    sandboxd.write(encodeCommand({ type: 'resume' }, 'ee'.repeat(16)));
    expect(await sandboxd.resume()).toMatchObject({ refusedFrames: 2, lastCall: 0 });
  });
});

describe('a call number', () => {
  it('starts once: a repeat is answered with started, then the ending, then forgotten', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const start = {
      type: 'start',
      call: 1,
      limits,
      work: shell('echo x >> log; while ! test -e go; do sleep 0.02; done; cat log'),
    } as const;
    const first = sandboxd.endOf(1);
    const begun = sandboxd.startedOf(1);
    sandboxd.send(start);
    await begun;
    const again = sandboxd.startedOf(1);
    sandboxd.send(start);
    expect(await again).toMatchObject({ type: 'started', call: 1 });
    sandboxd.send({ ...start, call: 2, work: exec('touch', 'go') });
    const end = await first;
    const repeated = sandboxd.endOf(1);
    sandboxd.send(start);
    expect(await repeated).toEqual(end);
    sandboxd.send({ type: 'acknowledge', call: 1 });
    const forgotten = sandboxd.next((report): report is Report => report.type === 'forgotten');
    sandboxd.send(start);
    expect(await forgotten).toEqual({ type: 'forgotten', call: 1 });
    expect(shown(end).out).toBe('x\n');
  });

  it('beyond 64 endings that are not acknowledged fails to start, with ENOBUFS', async () => {
    await using sandboxd = await SandboxdProcess.start();
    for (let call = 1; call <= 64; call += 1) await sandboxd.begin({ kind: 'probe' }).end;
    expect(await sandboxd.begin({ kind: 'probe' }).end).toMatchObject({
      type: 'start-failed',
      errno: constants.errno.ENOBUFS,
    });
    sandboxd.send({ type: 'acknowledge', call: 1 });
    expect(await sandboxd.begin({ kind: 'probe' }).end).toMatchObject({ type: 'exited', waitStatus: 0 });
  });

  it('of zero, or far behind the highest, is never started', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const forgotten = (call: number) =>
      sandboxd.next((report): report is Report => report.type === 'forgotten' && report.call === call);
    const zero = forgotten(0);
    sandboxd.send({ type: 'start', call: 0, limits, work: exec('true') });
    await zero;
    const high = sandboxd.endOf(100_000);
    sandboxd.send({ type: 'start', call: 100_000, limits, work: exec('true') });
    await high;
    const low = forgotten(5);
    sandboxd.send({ type: 'start', call: 5, limits, work: exec('touch', 'ran') });
    await low;
    const near = sandboxd.endOf(99_000);
    sandboxd.send({ type: 'start', call: 99_000, limits, work: exec('ls') });
    expect(shown(await near).out).toBe('');
  });
});
