import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EVENT_TYPES, parseEvent } from '../../../src/journal/event.ts';

const at = '2026-07-31T10:00:00.000Z';
const claimed = {
  at,
  type: 'sandbox_claimed',
  rollout: 'r1',
  handle: { engine: 'docker', id: 'c1', instance: 'i1', poolClass: 'base' },
  attempt: 1,
};

test('an event comes back with fields that a newer version added', () => {
  const newer = { ...claimed, zone: 'b' };
  expect(parseEvent(JSON.stringify(newer))).toEqual(newer);
});

test('a loss as 0.1.0 recorded it comes back, with what is not collected any more', () => {
  const postMortem = {
    container: 'exited',
    exitCode: 137,
    foreignKill: true,
    foreignPause: false,
    oomFlag: false,
    hostCounters: null,
    evidenceGap: false,
    engineDisturbed: false,
  };
  const evidence = { kind: 'sandbox_lost', fault: 'lost', executed: 'unknown', postMortem };
  const lost = { at, type: 'rollout_lost', rollout: 'r1', cause: 'sandbox_killed', evidence };
  expect(parseEvent(JSON.stringify(lost))).toEqual(lost);
});

describe('lines that are no events', () => {
  test.each([
    ['', 'not JSON'],
    ['{"at":', 'not JSON'],
    ['null', 'not a JSON object'],
    ['[]', 'not a JSON object'],
    ['"sandbox_claimed"', 'not a JSON object'],
    [JSON.stringify({ ...claimed, type: 'toString' }), 'unknown event type'],
    [JSON.stringify({ ...claimed, type: 'Sandbox_claimed' }), 'unknown event type'],
    [JSON.stringify({ ...claimed, at: 'yesterday' }), '"at" is not a time'],
    [JSON.stringify({ ...claimed, at: 1 }), '"at" is not a time'],
    [JSON.stringify({ ...claimed, rollout: undefined }), '"rollout" is not text'],
    [JSON.stringify({ ...claimed, rollout: null }), '"rollout" is not text'],
    [JSON.stringify({ ...claimed, attempt: '1' }), '"attempt" is not number'],
    [JSON.stringify({ ...claimed, handle: [] }), '"handle" is not object'],
    [JSON.stringify({ ...claimed, handle: null }), '"handle" is not object'],
    [
      JSON.stringify({
        at,
        type: 'rollout_ended',
        rollout: 'r',
        how: 'idle',
        verdict: 'valid',
        reasons: {},
        counts: {},
      }),
      '"reasons" is not list',
    ],
  ])('%s: %s', (line, reason) => {
    expect(() => parseEvent(line)).toThrow(reason);
  });
});

test('the table in the README lists exactly the events there are', () => {
  const readme = readFileSync('src/journal/README.md', 'utf8');
  const listed = [...readme.matchAll(/^\| `(\w+)` *\|/gm)].map((row) => row[1]);
  expect(listed.toSorted()).toEqual([...EVENT_TYPES].sort());
});
