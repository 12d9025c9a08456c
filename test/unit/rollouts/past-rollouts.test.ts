import { describe, expect, it } from 'vitest';
import type { JournalEvent } from '../../../src/journal/event.ts';
import { rolloutKey } from '../../../src/kernel/ids.ts';
import { PastRollouts, type PastCall } from '../../../src/rollouts/past-rollouts.ts';

const at = (second: number): string => new Date(second * 1000).toISOString();
const opened = {
  at: at(0),
  type: 'rollout_opened',
  rollout: 'r',
  task: 't',
  image: 'i',
  policy: 'p',
  job: 'j',
};
const call = { rollout: 'r', call: 'c', tool: 'shell', argumentsSha256: 'f' };
const intended = (second: number, sandbox = 's-1', number = 16) => ({
  ...{ at: at(second), type: 'call_intended', ...call, arguments: { command: 'ls' }, sandbox, number },
});
const finished = (second: number, cause: string) => ({
  ...{
    at: at(second),
    type: 'call_finished',
    ...call,
    outcome: { attribution: 'infra', cause, executed: 'no' },
  },
  ...{ status: 503, durationMs: 5, number: null, evidence: { kind: 'queue_expired' }, result: null },
});
const reopened = (second: number) => ({ at: at(second), type: 'call_reopened', rollout: 'r', call: 'c' });

function foldedCall(...events: object[]): PastCall | undefined {
  const past = new PastRollouts();
  for (const [offset, event] of [opened, ...events].entries())
    past.add(event as JournalEvent, { file: 'f', offset, bytes: 1 });
  return past.byKey.get(rolloutKey('r', 'j'))?.calls.get('c');
}

describe('a past call', () => {
  it('without an ending is one to be continued, with its arguments', () => {
    expect(foldedCall(intended(1))).toMatchObject({
      arguments: { command: 'ls' },
      intent: { number: 16, sandbox: 's-1', attempts: 1, position: { offset: 1 } },
      ending: null,
    });
  });

  it('counts the sandboxes it was sent to, not the events', () => {
    const events = [intended(1), intended(2), intended(3, 's-2', 20)];
    expect(foldedCall(...events)?.intent).toMatchObject({ sandbox: 's-2', number: 20, attempts: 2 });
  });

  it('that was reopened and got no further before the restart has its former ending, and is not continued', () => {
    expect(foldedCall(finished(1, 'queue_wait'), reopened(2))).toMatchObject({
      intent: null,
      ending: { outcome: { cause: 'queue_wait' }, position: { offset: 1 } },
    });
  });

  it.each([
    ['was reopened', [reopened(2)]],
    ['was reopened by 0.1.0, which wrote no event', []],
  ])('that %s and sent to a sandbox is one to be continued', (_what, between) => {
    expect(foldedCall(finished(1, 'queue_wait'), ...between, intended(3))?.ending).toBeNull();
  });

  it('that ended twice has the last ending', () => {
    const events = [finished(1, 'queue_wait'), reopened(2), finished(3, 'engine_down')];
    expect(foldedCall(...events)?.ending).toMatchObject({ outcome: { cause: 'engine_down' } });
  });
});
