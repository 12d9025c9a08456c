import { beforeEach, describe, expect, it, test } from 'vitest';
import { callId, rolloutId } from '../../../src/kernel/ids.ts';
import { judge } from '../../../src/outcome/attribute.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { Call } from '../../../src/rollouts/call.ts';
import { MemoryJournal } from '../support/memory-journal.ts';

const newCall = (): Call =>
  new Call({ rollout: rolloutId('r'), callId: callId('c'), tool: 'shell', argumentsSha256: 'f' });

let memory: MemoryJournal;
let call: Call;
beforeEach(() => {
  memory = new MemoryJournal();
  call = newCall();
});

const intend = (sandbox = 's-1', number = 16) =>
  call.intend(memory.journal, { sandbox, number, arguments: { command: 'ls' } });
const finish = (evidence: Evidence = { kind: 'refused', reason: 'bad_arguments' }) =>
  call.finish(memory.journal, {
    ...judge(evidence),
    status: 200,
    output: 'o',
    result: null,
    durationMs: 1.4,
  });
const reopen = () => call.reopen(memory.journal);
const QUEUE: Evidence = { kind: 'queue_expired' };

describe('a call', () => {
  it('writes one event for each transition, before its state changes', async () => {
    expect(call.state).toEqual({ name: 'entered' });
    await finish(QUEUE);
    expect(call.state).toMatchObject({ name: 'finished', intent: null });
    await reopen();
    expect(call.state).toEqual({ name: 'reopened', intent: null });
    await intend();
    expect(call.state).toMatchObject({
      name: 'intended',
      intent: { number: 16, sandbox: 's-1', attempts: 1 },
    });
    await intend('s-2', 20);
    await finish();
    expect(call.intent).toMatchObject({ number: 20, sandbox: 's-2', attempts: 2 });
    expect(call.ending).toMatchObject({ outcome: { cause: 'bad_arguments' }, durationMs: 1.4 });
    expect(memory.events.map(({ type }) => type)).toEqual([
      'call_finished', 'call_reopened', 'call_intended', 'call_intended', 'call_finished',
    ]); // prettier-ignore
    expect(memory.of('call_finished')).toMatchObject([
      { number: null },
      { number: 20, attempts: 2, durationMs: 1 },
    ]);
    expect(memory.of('call_finished')[0]).not.toHaveProperty('attempts');
  });

  test.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    ['an answered call is not finished again', finish, finish],
    ['an answered call is not sent to a sandbox', finish, intend],
    ['an answered call is not reopened', finish, reopen],
    ['a call that has just arrived is not reopened', () => Promise.resolve(), reopen],
    ['a call that may be running is not reopened', intend, reopen],
    ['a call that waited in vain is not finished before it is reopened', () => finish(QUEUE), finish],
    [
      'a call that waited in vain is not sent to a sandbox before it is reopened',
      () => finish(QUEUE),
      intend,
    ],
  ])('%s: that throws, and writes nothing', async (_what, first, illegal) => {
    await first();
    const { state } = call;
    const written = memory.events.length;
    await expect(illegal()).rejects.toThrow(/call c of rollout r is \w+ and can't become \w+/);
    expect(call.state).toBe(state);
    expect(memory.events).toHaveLength(written);
  });

  it('keeps its state where the journal refuses the event', async () => {
    memory.append = () => Promise.reject(new Error('disk full'));
    await expect(intend()).rejects.toThrow('disk full');
    expect(call.state).toEqual({ name: 'entered' });
  });

  it('is restored through the same transitions, without new events', async () => {
    await intend();
    const ending = await finish(QUEUE);
    const { intent } = call;
    const restored = newCall();
    restored.restore({ intent, ending });
    expect(restored.state).toEqual(call.state);
    expect(restored.isAnswered).toBe(false);
    expect(memory.events).toHaveLength(2);
    expect(() => {
      restored.restore({ intent, ending });
    }).toThrow("is finished and can't become intended");
  });
});
