import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Ledger } from '../../../src/report/ledger.ts';
import { overview } from '../../../src/report/overview.ts';
import { storyOf } from '../../../src/report/story.ts';

let dataDir: string;
let file: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'faultline-report-'));
  mkdirSync(join(dataDir, 'journal'));
  file = join(dataDir, 'journal', '20260601T000000000Z-000001.jsonl');
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

const at = (second: number): string =>
  new Date(Date.parse('2026-06-01T00:00:00Z') + second * 1000).toISOString();
const opened = (rollout: string, second = 0, job = 'j') => ({
  at: at(second), type: 'rollout_opened', rollout, task: 'swe', image: 'base', policy: 'default', job, item: { id: 'row-1' },
}); // prettier-ignore
const intended = (rollout: string, call: string, given: unknown = '{"command":"git clone x"}', second = 1) => ({
  at: at(second), type: 'call_intended', rollout, call, number: 1, sandbox: 's', tool: 'shell', arguments: given, argumentsSha256: 'f',
}); // prettier-ignore
const finished = (rollout: string, call: string, attribution = 'ok', cause = 'completed', second = 2) => ({
  at: at(second), type: 'call_finished', rollout, call, tool: 'shell', number: 1, argumentsSha256: 'f',
  outcome: { attribution, cause, executed: 'yes' }, evidence: { kind: 'ended', detail: 1 }, status: 200, output: 'héllo\n',
  result: null, durationMs: 500,
}); // prettier-ignore

function write(...events: object[]): void {
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

async function rows(sql: string, depth: 'whole' | 'light' = 'light'): Promise<object[]> {
  using ledger = await Ledger.open(dataDir, depth);
  return await ledger.rows(sql);
}

describe('calls', () => {
  test('bring together intent and ending, with the family of the command and the step', async () => {
    write(opened('r'), intended('r', 'c'), finished('r', 'c'));
    for (const depth of ['whole', 'light'] as const) {
      expect(await rows('SELECT * FROM calls', depth)).toMatchObject([
        { rollout: 'r', call: 'c', job: 'j', step: 1, row: 'row-1', family: 'git clone', cause: 'completed', excludes: false,
          duration_ms: 500, output_bytes: 7, tokens: 2, since_step_s: 1.5, evidence_kind: 'ended' },
      ]); // prettier-ignore
    }
  });

  test('arguments in any form, valid or not, spoil nothing', async () => {
    const given = [
      '{"command":"ls"}',
      { command: 'ls' },
      '{"command":',
      'text',
      '',
      7,
      null,
      [],
      { command: 5 },
      '{"command":null}',
    ];
    write(
      opened('r'),
      ...given.flatMap((one, index) => [intended('r', String(index), one), finished('r', String(index))]),
    );
    const found = await rows('SELECT family FROM calls ORDER BY call::INTEGER');
    expect(found).toHaveLength(given.length);
    expect(found.slice(0, 3)).toEqual([{ family: 'ls' }, { family: 'ls' }, { family: null }]);
  });

  test('a call without an ending and one without an intent are both there', async () => {
    write(opened('r'), intended('r', 'under way'), finished('r', 'refused', 'model', 'bad_arguments'));
    expect(await rows('SELECT call, cause FROM calls ORDER BY call')).toEqual([
      { call: 'refused', cause: 'bad_arguments' },
      { call: 'under way', cause: null },
    ]);
    expect(await rows('SELECT verdict, calls, pending_calls FROM rollouts')).toEqual([
      { verdict: 'pending', calls: 2, pending_calls: 1 },
    ]);
  });
});

test('of a call that was reopened after it had waited in vain, the last ending counts', async () => {
  const waited = {
    ...finished('r', 'c', 'infra', 'queue_wait', 1),
    status: 503,
    output: '',
    durationMs: 9000,
  };
  const reopened = { at: at(2), type: 'call_reopened', rollout: 'r', call: 'c' };
  write(opened('r'), waited, reopened, intended('r', 'c', '{}', 3), finished('r', 'c', 'ok', 'completed', 4));
  const columns = 'cause, attribution, status, duration_ms, output_bytes, excludes';
  expect(await rows(`SELECT ${columns} FROM calls`)).toEqual([
    {
      cause: 'completed',
      attribution: 'ok',
      status: 200,
      duration_ms: 500,
      output_bytes: 7,
      excludes: false,
    },
  ]);
  expect(await rows('SELECT verdict, calls, infra_calls FROM rollouts')).toEqual([
    { verdict: 'valid', calls: 1, infra_calls: 0 },
  ]);
});

describe('verdicts', () => {
  const ended = {
    at: at(9),
    type: 'rollout_ended',
    rollout: 'r',
    how: 'deleted',
    verdict: 'exclude',
    reasons: ['conflicting_repeat'],
    counts: {},
  };
  const lost = { at: at(9), type: 'rollout_lost', rollout: 'r', evidence: {} };
  test.each<[string, object[], string, string | null]>([
    ['no call', [], 'valid', null],
    ['ordinary', [finished('r', 'c')], 'valid', null],
    [
      'the model broke it',
      [finished('r', 'c', 'model', 'sandbox_broken'), { ...lost, cause: 'sandbox_broken' }],
      'valid',
      'sandbox_broken',
    ],
    ['infrastructure', [finished('r', 'c', 'infra', 'engine_down')], 'exclude', 'engine_down'],
    [
      'lost between calls',
      [finished('r', 'c'), { ...lost, cause: 'sandbox_killed' }],
      'exclude',
      'sandbox_killed',
    ],
    [
      'a fault of the caller that only the end tells',
      [finished('r', 'c'), ended],
      'exclude',
      'conflicting_repeat',
    ],
  ])('%s', async (_what, events, verdict, reason) => {
    write(opened('r'), ...events);
    expect(await rows('SELECT verdict, reason FROM rollouts')).toEqual([{ verdict, reason }]);
  });
});

test('rollouts that open together are one step, per job', async () => {
  write(
    opened('a', 0),
    opened('b', 30),
    opened('x', 40, 'other'),
    opened('c', 89),
    opened('d', 150),
    opened('e', 151),
  );
  expect(await rows('SELECT job, step, rollouts FROM bursts ORDER BY job, step')).toEqual([
    { job: 'j', step: 1, rollouts: 3 },
    { job: 'j', step: 2, rollouts: 2 },
    { job: 'other', step: 1, rollouts: 1 },
  ]);
});

test('torn, foreign and unreadable lines hide nothing', async () => {
  write(opened('r'), finished('r', 'c'));
  appendFileSync(file, '{"torn":\n\0\0\0\nhello\n[1]\n{"type":"coffee","at":"2026-01-01T00:00:00Z"}\n\n');
  appendFileSync(file, `${JSON.stringify(finished('r', 'd'))}\n{"at":"2026-06-01T00`);
  expect(await rows('SELECT call FROM calls ORDER BY call')).toEqual([{ call: 'c' }, { call: 'd' }]);
});

test('an empty journal, and none', async () => {
  expect(await rows('SELECT * FROM calls')).toEqual([]);
  using ledger = await Ledger.open(dataDir, 'light');
  expect(await overview(ledger, {})).toMatchObject({
    rollouts: { total: 0 },
    identity: { calls: 0, holds: true },
  });
  await expect(Ledger.open(join(dataDir, 'nowhere'), 'light')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('the overview tells of faulty requests, which are no calls and exclude', async () => {
  write(opened('r'), finished('r', 'c'), {
    at: at(3),
    type: 'call_refused',
    rollout: 'r',
    cause: 'conflicting_repeat',
  });
  using ledger = await Ledger.open(dataDir, 'light');
  expect(await overview(ledger, { job: 'j' })).toMatchObject({
    rollouts: { exclude: 1 },
    identity: { calls: 1, holds: true },
    refused: [{ cause: 'conflicting_repeat', requests: 1, rollouts: 1 }],
  });
});

test('the overview adds up and names examples', async () => {
  write(
    opened('r'),
    opened('s'),
    intended('r', 'c'),
    finished('r', 'c'),
    finished('s', 'c', 'infra', 'engine_down'),
    intended('s', 'd'),
  );
  using ledger = await Ledger.open(dataDir, 'light');
  expect(await overview(ledger, {})).toMatchObject({
    rollouts: { total: 2, valid: 1, exclude: 1, pending: 0 },
    identity: { calls: 3, sum: 3, holds: true },
    top_causes: [{ cause: 'engine_down', rollouts: 1, examples: ['s'] }],
  });
  expect(await overview(ledger, { job: "no'body" })).toMatchObject({ rollouts: { total: 0 } });
  expect(await storyOf(dataDir, 's')).toMatchObject({
    rollout: { verdict: 'exclude' },
    calls: [{ call: 'c' }, { call: 'd' }],
  });
  expect(await storyOf(dataDir, "'")).toBeNull();
});

test('the story of an id that two jobs use is of the one that is named', async () => {
  const named = (events: object[], namedJob: string) => events.map((event) => ({ ...event, namedJob }));
  write(
    ...named([opened('r', 0, 'a'), intended('r', '1'), finished('r', '1')], 'a'),
    ...named([opened('r', 0, 'b'), intended('r', '2'), finished('r', '2', 'infra', 'engine_down')], 'b'),
  );
  expect(await storyOf(dataDir, 'r')).toEqual({ jobs: ['a', 'b'] });
  expect(await storyOf(dataDir, 'r', 'a')).toMatchObject({
    rollout: { verdict: 'valid' },
    calls: [{ call: '1' }],
  });
  expect(await storyOf(dataDir, 'r', 'b')).toMatchObject({
    rollout: { verdict: 'exclude' },
    calls: [{ call: '2' }],
  });
  expect(await storyOf(dataDir, 'r', 'c')).toBeNull();
});

test('the README documents exactly the columns that the views have', async () => {
  const readme = readFileSync('src/report/README.md', 'utf8');
  const documented: Readonly<Record<string, unknown>> = Object.fromEntries(
    [...readme.matchAll(/^### `(\w+)`\n([^#]*)/gm)].map(([, view, text]) => [
      view ?? '',
      [...(text ?? '').matchAll(/^\| `(\w+)` *\|/gm)].map((row) => row[1]),
    ]),
  );
  using ledger = await Ledger.open(dataDir, 'whole');
  for (const view of ['calls', 'rollouts', 'attempts', 'gradings', 'bursts']) {
    expect([view, documented[view]]).toEqual([view, (await ledger.table(`SELECT * FROM ${view}`)).columns]);
  }
});
