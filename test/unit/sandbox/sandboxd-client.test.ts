import { expect, test } from 'vitest';
import { Deadline } from '../../../src/kernel/deadline.ts';
import { encodeCommand } from '../../../src/protocol/command-codec.ts';
import type { CallLimits, Work } from '../../../src/protocol/messages.ts';
import { SandboxdClient } from '../../../src/sandbox/sandboxd-client.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { encodeReport } from '../support/sandboxd-codec.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { ending, FIRST_INSTANCE, OTHER_INSTANCE, ScriptedSandboxd } from './scripted-sandboxd.ts';

const WORK: Work = { kind: 'shell', command: 'true' };
const LIMITS: CallLimits = { timeoutMs: 60_000, keepBytes: 100, outputBytes: 1000 };
const HANDLE = { engine: 'test', id: 'c1', instance: null, poolClass: 'p' };

async function open(sandboxd: ScriptedSandboxd, instance: string | null = null) {
  const clock = new ManualClock();
  const handle = { ...HANDLE, instance };
  const deadline = Deadline.after(clock, 'sandbox_start', 60_000);
  const client = await SandboxdClient.open({ attach: sandboxd.attach, clock, handle }, deadline);
  return { client, clock, sandboxd, [Symbol.dispose]: () => { client.detach(); } }; // prettier-ignore
}

async function faultOf(promise: Promise<unknown>): Promise<SandboxFault> {
  const error = await promise.then(() => null, (reason: unknown) => reason); // prettier-ignore
  expect(error).toBeInstanceOf(SandboxFault);
  return error as SandboxFault;
}

test('a call is started once, ended once, and knows its instance', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd } = opened;
  const running = client.run(16, WORK, LIMITS);
  await settle();
  sandboxd.end(16, 256);
  expect(await running).toMatchObject({ type: 'exited', call: 16, waitStatus: 256 });
  expect(client.handle.instance).toBe(FIRST_INSTANCE);
  expect(client.offers).toEqual({ shell: '/bin/sh', python: null });
  expect(sandboxd.executions).toBe(1);
});

test('the same number given twice while it runs is one call', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd } = opened;
  const both = Promise.all([client.run(16, WORK, LIMITS), client.run(16, WORK, LIMITS)]);
  await settle();
  sandboxd.end(16);
  await both;
  expect(sandboxd.received.filter(({ type }) => type === 'start')).toHaveLength(1);
});

test('a stream that breaks while a command runs is attached again, and nothing runs twice', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  const running = client.run(16, WORK, LIMITS);
  await settle();
  sandboxd.breakStream();
  sandboxd.end(16, 1);
  await clock.advance(1_000);
  expect(await running).toMatchObject({ waitStatus: 1 });
  expect(sandboxd).toMatchObject({ executions: 1, attachments: 2 });
});

test('a frame that was never delivered is sent again under its number', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  sandboxd.drop = ({ type }) => type === 'start';
  const running = client.run(16, WORK, LIMITS);
  await settle();
  sandboxd.drop = () => false;
  sandboxd.breakStream();
  await clock.advance(1_000);
  sandboxd.end(16);
  await running;
  expect(sandboxd.executions).toBe(1);
});

test('a call begun without an attachment is started with the next one', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  sandboxd.refuse = new Error('connect ECONNREFUSED');
  sandboxd.breakStream();
  await settle();
  const running = client.run(16, WORK, LIMITS);
  client.cancel(16);
  client.acknowledge(9);
  sandboxd.refuse = null;
  await clock.advance(10_000);
  expect(sandboxd.received.map(({ type }) => type)).toEqual([
    'resume',
    'resume',
    'start',
    'cancel',
    'acknowledge',
  ]);
  sandboxd.end(16);
  await running;
});

test('an engine that stays unreachable ends the sandbox after a bounded time: what was not sent did not run', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  const started = client.run(16, WORK, LIMITS);
  await settle();
  sandboxd.drop = ({ type }) => type === 'start';
  const sent = client.run(17, WORK, LIMITS);
  await settle();
  sandboxd.refuse = new SandboxFault('engine_down', 'away');
  sandboxd.breakStream();
  await settle();
  const unsent = client.run(18, WORK, LIMITS);
  const faults = Promise.all([started, sent, unsent].map(faultOf));
  await clock.advance(57_000);
  const later = faultOf(client.run(19, WORK, LIMITS));
  await clock.advance(4_000);
  expect((await faults).map(({ code, executed }) => [code, executed])).toEqual([
    ['lost', 'yes'], ['lost', 'unknown'], ['lost', 'no'],
  ]); // prettier-ignore
  expect(await later).toMatchObject({ code: 'lost', executed: 'no' });
  expect(await client.lost).toMatchObject({ code: 'lost' });
  expect(await faultOf(client.run(20, WORK, LIMITS))).toMatchObject({ code: 'lost', executed: 'no' });
});

test('a container that is gone is not waited for', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd } = opened;
  sandboxd.refuse = new SandboxFault('lost', 'the container is exited');
  sandboxd.breakStream();
  expect(await client.lost).toMatchObject({ code: 'lost', message: 'the container is exited' });
  expect(sandboxd.attachments).toBe(2);
});

test('another instance behind the same container is a loss, never a second start', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  const fault = faultOf(client.run(16, WORK, LIMITS));
  await settle();
  sandboxd.instance = OTHER_INSTANCE;
  sandboxd.lastCall = 0;
  sandboxd.running.clear();
  sandboxd.breakStream();
  await clock.advance(1_000);
  expect(await fault).toMatchObject({ code: 'lost', executed: 'yes' });
  expect(sandboxd.executions).toBe(1);
});

test('adopting by a handle of another instance is refused', async () => {
  expect(await faultOf(open(new ScriptedSandboxd(), OTHER_INSTANCE))).toMatchObject({ code: 'lost' });
});

test('an ending that comes twice, or for no pending call, changes nothing', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd } = opened;
  const first = client.run(16, WORK, LIMITS);
  const second = client.run(17, WORK, LIMITS);
  await settle();
  sandboxd.end(16, 1);
  sandboxd.end(16, 2);
  sandboxd.end(99, 3);
  sandboxd.end(17, 4);
  expect(await first).toMatchObject({ call: 16, waitStatus: 1 });
  expect(await second).toMatchObject({ call: 17, waitStatus: 4 });
});

test('garbage between reports is skipped', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd } = opened;
  const running = client.run(16, WORK, LIMITS);
  await settle();
  sandboxd.sendBytes(Buffer.from('\0not a frame\0'));
  sandboxd.sendBytes(encodeReport(ending(16, 3), FIRST_INSTANCE).subarray(1));
  sandboxd.end(16, 5);
  expect(await running).toMatchObject({ waitStatus: 5 });
});

test('a frame that a broken stream cut in two, in either direction, costs no later one', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  const running = client.run(16, WORK, LIMITS);
  await settle();
  sandboxd.receive(encodeCommand({ type: 'cancel', call: 16 }, FIRST_INSTANCE).subarray(0, 9));
  sandboxd.sendBytes(encodeReport(ending(16, 3), FIRST_INSTANCE).subarray(0, 30));
  sandboxd.breakStream();
  await clock.advance(1_000);
  sandboxd.end(16, 6);
  expect(await running).toMatchObject({ waitStatus: 6 });
  expect(sandboxd).toMatchObject({ attachments: 2, executions: 1, refused: 1 });
});

test('silence beyond the longest time of a starved command renews the attachment once, and a late ending still counts', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  const running = client.run(16, WORK, LIMITS);
  await clock.advance(194_000);
  expect(sandboxd.attachments).toBe(1);
  await clock.advance(2_000);
  expect(sandboxd.attachments).toBe(2);
  sandboxd.end(16, 9);
  expect(await running).toMatchObject({ waitStatus: 9 });
});

test('a start that sandboxd never saw is repeated long before its command could have ended', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  sandboxd.mute = true;
  const running = client.run(16, WORK, LIMITS);
  await clock.advance(44_000);
  expect(sandboxd.attachments).toBe(1);
  sandboxd.mute = false;
  await clock.advance(2_000);
  expect(sandboxd.attachments).toBe(2);
  sandboxd.end(16, 0);
  expect(await running).toMatchObject({ waitStatus: 0 });
});

test('silence after the renewed attachment is agent_silent', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, clock } = opened;
  const fault = faultOf(client.run(16, WORK, LIMITS));
  await clock.advance(180_000 + 15_000 + 16_000);
  expect(await fault).toMatchObject({ code: 'agent_silent', executed: 'yes' });
  expect(await client.lost).toMatchObject({ code: 'agent_silent' });
});

test('a sandboxd that answers no resume is silent, not lost', async () => {
  using opened = await open(new ScriptedSandboxd());
  const { client, sandboxd, clock } = opened;
  sandboxd.mute = true;
  sandboxd.breakStream();
  await clock.advance(75_000);
  expect(await client.lost).toMatchObject({ code: 'agent_silent' });
});

test('an ending kept from before a restart of the controller is given to the call with its number', async () => {
  const sandboxd = new ScriptedSandboxd();
  {
    using first = await open(sandboxd);
    first.client.run(16, WORK, LIMITS).catch(() => undefined);
    await settle();
  }
  sandboxd.end(16, 7);
  using second = await open(sandboxd, FIRST_INSTANCE);
  expect(await second.client.run(16, WORK, LIMITS)).toMatchObject({ waitStatus: 7 });
  second.client.acknowledge(16);
  await settle();
  expect(await faultOf(second.client.run(16, WORK, LIMITS))).toMatchObject({
    code: 'lost',
    executed: 'unknown',
  });
  expect(sandboxd.executions).toBe(1);
});

test('numbers used before a restart of the controller are known after an adoption, so that none is used twice', async () => {
  const sandboxd = new ScriptedSandboxd();
  sandboxd.lastCall = 41;
  using opened = await open(sandboxd, FIRST_INSTANCE);
  expect(opened.client.lastCall).toBe(41);
  opened.client.run(42, WORK, LIMITS).catch(() => undefined);
  expect(opened.client.lastCall).toBe(42);
});

test('detaching rejects pending calls, and is no loss of the sandbox', async () => {
  const { client } = await open(new ScriptedSandboxd());
  const fault = faultOf(client.run(16, WORK, LIMITS));
  await settle();
  client.detach();
  expect(await fault).toMatchObject({ code: 'lost', executed: 'yes' });
  expect(await Promise.race([client.lost, Promise.resolve('not lost')])).toBe('not lost');
});
