import { constants } from 'node:os';
import { join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCommand } from '../../src/protocol/codec.ts';
import type { Report } from '../../src/protocol/messages.ts';
import { AgentProcess, buildAgent, exec, limits, out, shell, shown } from './agent-process.ts';

beforeAll(buildAgent);

describe('an attachment', () => {
  it('hears nothing before it has said resume', async () => {
    await using agent = new AgentProcess();
    agent.write(encodeCommand({ type: 'start', call: 1, work: exec('true'), limits }, agent.instance));
    const state = await agent.resume();
    expect(agent.reports).toHaveLength(1);
    expect(state).toMatchObject({ running: [], lastCall: 0, refusedFrames: 1 });
  });

  it('that broke costs nothing: the ending is kept, and told after every resume until acknowledged', async () => {
    await using agent = await AgentProcess.start();
    const { call, end } = agent.begin(shell('echo once >> log; cat log'));
    const first = await end;
    for (let i = 0; i < 2; i++) {
      const again = agent.endOf(call);
      await agent.resume();
      expect(await again).toEqual(first);
    }
    agent.send({ type: 'acknowledge', call });
    const reports = agent.reports.length;
    await agent.resume();
    expect(await out(agent, shell('cat log'))).toBe('once\n');
    expect(
      agent.reports.slice(reports).filter((report) => report.type === 'exited' && report.call === call),
    ).toEqual([]);
  });

  it('may come while a command runs, and hears that it runs', async () => {
    await using agent = await AgentProcess.start();
    const { call, end } = agent.begin(shell('while ! test -e go; do sleep 0.02; done; echo went'));
    await agent.startedOf(call);
    expect(await agent.resume()).toMatchObject({ running: [call], lastCall: call });
    await agent.call(exec('touch', 'go'));
    expect(shown(await end).out).toBe('went\n');
  });

  it('that does not read blocks nobody: work goes on, clocks run, endings come later', async () => {
    await using agent = await AgentProcess.start();
    agent.stopReading();
    const ends = Array.from(
      { length: 30 },
      (_, i) => agent.begin(shell(`seq 30000; echo ${String(i)} >> log`)).end,
    );
    const deadline = Date.now() + 20_000;
    const log = join(agent.folder, 'log');
    while (!(existsSync(log) && readFileSync(log, 'utf8').includes('3\n')) && Date.now() < deadline)
      await new Promise(setImmediate);
    expect(readFileSync(log, 'utf8')).toContain('3\n');
    agent.readOn();
    const settled = (await Promise.all(ends)).filter((end) => end.type === 'exited');
    expect(settled.length).toBeGreaterThan(0);
  });

  it('whose reading end is gone (EPIPE) ends nothing: the agent lives, and work goes on', async () => {
    await using agent = await AgentProcess.start();
    const { hostPid } = agent;
    agent.closeReading();
    for (let i = 0; i < 5; i++)
      agent.send({ type: 'start', call: i + 1, limits, work: exec('touch', `ran-${String(i)}`) });
    const deadline = Date.now() + 20_000;
    while (!existsSync(join(agent.folder, 'ran-4')) && Date.now() < deadline) await new Promise(setImmediate);
    expect(existsSync(join(agent.folder, 'ran-4'))).toBe(true);
    expect(() => process.kill(hostPid, 0)).not.toThrow();
  });

  it.each([1, 5, 30, 80])(
    'that starts with half a frame of %i bytes is understood all the same',
    async (length) => {
      await using agent = await AgentProcess.start();
      const start = encodeCommand(
        { type: 'start', call: 50, work: exec('touch', 'ran'), limits },
        agent.instance,
      );
      agent.write(start.subarray(0, length));
      expect(await agent.resume()).toMatchObject({ lastCall: 0, refusedFrames: 1 });
    },
  );

  it('is not led astray by garbage, however long', async () => {
    await using agent = await AgentProcess.start();
    for (let i = 0; i < 12; i++) agent.write(Buffer.alloc(1 << 20, 1 + i));
    agent.write(Buffer.from([0, 0, 3, 1, 2, 0, 255, 0]));
    expect((await agent.resume()).refusedFrames).toBe(3);
    expect(await out(agent, shell('echo fine'))).toBe('fine\n');
  });

  it('of a controller that means another instance is refused', async () => {
    await using agent = await AgentProcess.start();
    agent.write(encodeCommand({ type: 'start', call: 9, work: exec('true'), limits }, 'ee'.repeat(16)));
    agent.write(encodeCommand({ type: 'resume' }, 'ee'.repeat(16)));
    expect(await agent.resume()).toMatchObject({ refusedFrames: 2, lastCall: 0 });
  });
});

describe('a call number', () => {
  it('starts once: a repeat is told started, the and then forgotten', async () => {
    await using agent = await AgentProcess.start();
    const start = {
      type: 'start',
      call: 1,
      limits,
      work: shell('echo x >> log; while ! test -e go; do sleep 0.02; done; cat log'),
    } as const;
    const first = agent.endOf(1);
    const begun = agent.startedOf(1);
    agent.send(start);
    await begun;
    const again = agent.startedOf(1);
    agent.send(start);
    expect(await again).toMatchObject({ type: 'started', call: 1 });
    agent.send({ ...start, call: 2, work: exec('touch', 'go') });
    const end = await first;
    const repeated = agent.endOf(1);
    agent.send(start);
    expect(await repeated).toEqual(end);
    agent.send({ type: 'acknowledge', call: 1 });
    const forgotten = agent.next((report): report is Report => report.type === 'forgotten');
    agent.send(start);
    expect(await forgotten).toEqual({ type: 'forgotten', call: 1 });
    expect(shown(end).out).toBe('x\n');
  });

  it('finds no room behind 64 endings that nobody has acknowledged, and says so by an errno of its own', async () => {
    await using agent = await AgentProcess.start();
    for (let call = 1; call <= 64; call += 1) await agent.begin({ kind: 'probe' }).end;
    expect(await agent.begin({ kind: 'probe' }).end).toMatchObject({
      type: 'start-failed',
      errno: constants.errno.ENOBUFS,
    });
    agent.send({ type: 'acknowledge', call: 1 });
    expect(await agent.begin({ kind: 'probe' }).end).toMatchObject({ type: 'exited', waitStatus: 0 });
  });

  it('of zero, or far behind the highest, is never started', async () => {
    await using agent = await AgentProcess.start();
    const forgotten = (call: number) =>
      agent.next((report): report is Report => report.type === 'forgotten' && report.call === call);
    const zero = forgotten(0);
    agent.send({ type: 'start', call: 0, limits, work: exec('true') });
    await zero;
    const high = agent.endOf(100_000);
    agent.send({ type: 'start', call: 100_000, limits, work: exec('true') });
    await high;
    const low = forgotten(5);
    agent.send({ type: 'start', call: 5, limits, work: exec('touch', 'ran') });
    await low;
    const near = agent.endOf(99_000);
    agent.send({ type: 'start', call: 99_000, limits, work: exec('ls') });
    expect(shown(await near).out).toBe('');
  });
});
