import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Follower, line, wanted } from '../../../src/cli/tail.ts';
import type { EventOf } from '../../../src/journal/event.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faultline-tail-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const event: EventOf<'call_finished'> = {
  at: '2026-06-01T10:11:12.131Z', type: 'call_finished', rollout: 'r', call: 'c', tool: 'shell', number: 1,
  argumentsSha256: 'f', outcome: { attribution: 'infra', cause: 'engine_down', executed: 'no' },
  evidence: { kind: 'queue_expired' }, status: 503, output: 'é'.repeat(10), result: null, durationMs: 5,
}; // prettier-ignore
const text = `${JSON.stringify(event)}\n`;
const path = (number: number): string => join(folder, `20260601T000000000Z-00000${String(number)}.jsonl`);

async function calls(follower: Follower): Promise<number> {
  let count = 0;
  for await (const one of follower.news()) count += one.type === 'call_finished' ? 1 : 0;
  return count;
}

test('only what is new is told, once, and in new files too', async () => {
  appendFileSync(path(1), text);
  const follower = new Follower(folder);
  await follower.skip();
  expect(await calls(follower)).toBe(0);
  appendFileSync(path(1), text + text);
  appendFileSync(path(2), text);
  expect(await calls(follower)).toBe(3);
  expect(await calls(follower)).toBe(0);
});

test('a line that is half written waits for its end, cut anywhere, and junk is passed over', async () => {
  const follower = new Follower(folder);
  const bytes = Buffer.from(text);
  for (const cut of [1, bytes.indexOf('é') + 1, bytes.length - 1]) {
    appendFileSync(path(1), bytes.subarray(0, cut));
    expect(await calls(follower)).toBe(0);
    appendFileSync(path(1), bytes.subarray(cut));
    expect(await calls(follower)).toBe(1);
  }
  appendFileSync(path(1), `junk\n\n${text}`);
  expect(await calls(follower)).toBe(1);
});

test('more than one read, and a line longer than that', async () => {
  const long = `${JSON.stringify({ ...event, output: 'x'.repeat(3_000_000) })}\n`;
  appendFileSync(path(1), long + text.repeat(5000));
  expect(await calls(new Follower(folder))).toBe(5001);
});

test.each([
  [{}, true],
  [{ rollout: 'r' }, true],
  [{ rollout: 'other' }, false],
  [{ type: 'call_finished', attribution: 'infra' }, true],
  [{ attribution: 'model' }, false],
  [{ type: 'rollout_ended' }, false],
])('filter %j', (filter, passes) => {
  expect(wanted(event, filter)).toBe(passes);
});

test('one line per event', () => {
  expect(line(event)).toBe('10:11:12.131 call_finished    r c shell infra/engine_down 5 ms');
  expect(line({ at: event.at, type: 'controller_stopped', controller: 'a\nb' })).toBe(
    '10:11:12.131 controller_stopped controller=a⏎b',
  );
});
