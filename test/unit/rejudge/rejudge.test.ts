import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseEvent, type JournalEvent } from '../../../src/journal/event.ts';
import { FileJournal } from '../../../src/journal/file-journal.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { attribute } from '../../../src/outcome/attribute.ts';
import { causes } from '../../../src/outcome/causes.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { RULES } from '../../../src/outcome/rules.ts';
import type { Difference } from '../../../src/rejudge/difference.ts';
import { PutAside } from '../../../src/rejudge/put-aside.ts';
import { Rejudge } from '../../../src/rejudge/rejudge.ts';
import { rejudgeFolder } from '../../../src/rejudge/rejudge-folder.ts';
import { Ledger } from '../../../src/report/ledger.ts';
import { PastRollouts } from '../../../src/rollouts/past-rollouts.ts';
import { FIXTURE } from '../compat/version-0.1.0.ts';
import { generatedJournal } from '../report/journals.ts';

const at = '2026-06-01T00:00:00.000Z';
const KILLED = {
  kind: 'sandbox_lost',
  fault: 'lost',
  executed: 'unknown',
  postMortem: {
    ...{ container: 'exited', foreignKill: true, foreignPause: false, oomFlag: false },
    ...{ evidenceGap: false, engineDisturbed: false },
  },
} as const satisfies Evidence;
const REFUSED = { kind: 'refused', reason: 'bad_arguments' } as const satisfies Evidence;

type Line = Record<string, unknown>;

const opened = (rollout = 'r'): Line => ({
  ...{ at, type: 'rollout_opened', rollout, task: 'swe', image: 'base', policy: 'default', job: 'j' },
});
const finished = (call: string, evidence: Evidence, change: Line = {}): Line => {
  const outcome = attribute(evidence);
  return {
    ...{ at, type: 'call_finished', rollout: 'r', call, tool: 'shell', number: null, argumentsSha256: 'f' },
    ...{ outcome, rules: RULES, evidence, status: causes[outcome.cause].status, output: '', result: null },
    ...{ durationMs: 1, ...change },
  };
};
const lost = (evidence: Evidence, change: Line = {}): Line => ({
  ...{ at, type: 'rollout_lost', rollout: 'r', cause: attribute(evidence).cause, evidence, rules: RULES, ...change },
});
const ended = (verdict: string, reasons: readonly string[] = []): Line => ({
  ...{ at, type: 'rollout_ended', rollout: 'r', how: 'deleted', verdict, reasons, counts: {} },
});
const graded = (verdict: string, reasons: readonly string[] = []): Line => ({
  ...{ at, type: 'graded', rollout: 'r', job: 'j', row: 'row-1', verdict, reasons, ending: 'scored' },
  ...{ score: 1, tries: 1, durationMs: 1 },
});
const WRONG = { attribution: 'ok', cause: 'completed', executed: 'yes' };

function found(...lines: readonly object[]): Difference[] {
  using rejudge = new Rejudge();
  const events: JournalEvent[] = lines.map((line) => parseEvent(JSON.stringify(line)));
  for (const event of events) if (event.type === 'rejudged') rejudge.correct(event);
  return events.flatMap((event) => rejudge.add(event));
}

describe('nothing differs', () => {
  test.each([1, 2, 3, 4, 5, 6])('in a journal that these rules judged (seed %i)', (seed) => {
    expect(found(...generatedJournal(seed, 80).flat().filter(({ type }) => type !== 'rollout_ended'))).toEqual([]);
  });

  test.each<[string, object[]]>([
    ['a verdict that follows', [finished('1', KILLED), ended('exclude', ['sandbox_killed'])]],
    ['a verdict said while an ending was on its way to the disk', [finished('1', REFUSED), finished('2', KILLED), ended('pending')]],
    ['a verdict said while a call had arrived and was in no event', [finished('1', REFUSED), ended('pending')]],
    ['a loss between calls', [finished('1', REFUSED), lost(KILLED), graded('exclude', ['sandbox_killed'])]],
    ['a faulty request', [{ at, type: 'call_refused', rollout: 'r', cause: 'bad_request' }, graded('exclude', ['bad_request'])]],
    ['a faulty request that only the end names', [ended('exclude', ['conflicting_repeat'])]],
    ['a call that was reopened', [finished('1', { kind: 'queue_expired' }), { at, type: 'call_reopened', rollout: 'r', call: '1' }, finished('1', REFUSED), ended('valid')]],
    ['a gate that excludes what was rebuilt', [
      { at, type: 'rollout_displaced', rollout: 'r', cause: 'sandbox_killed', evidence: KILLED },
      { at, type: 'sandbox_claimed', rollout: 'r', handle: {}, attempt: 2 },
      graded('exclude'),
    ]],
    ['a verdict of the gate about an id without calls', [graded('no_tool_call')]],
  ])('%s', (_what, lines) => {
    expect(found(opened(), ...lines)).toEqual([]);
  });

  test('in what is not known whole: a rollout whose beginning is in another file', () => {
    expect(found(finished('1', REFUSED), ended('exclude', ['sandbox_killed']))).toEqual([]);
  });
});

describe('what differs is told, with the reason', () => {
  test('an outcome that these rules judged otherwise', () => {
    expect(found(opened(), finished('1', REFUSED), finished('2', KILLED, { outcome: WRONG }))).toEqual([
      {
        ...{ of: 'call', at, rollout: 'r', namedJob: null, call: '2', rules: RULES },
        recorded: 'ok/completed, executed: yes',
        derived: 'infra/sandbox_killed, executed: unknown',
        why: expect.stringContaining('it is a bug') as string,
        outcome: attribute(KILLED),
      },
    ]);
  });

  test('an outcome of other rules', () => {
    const [difference] = found(opened(), finished('1', KILLED, { outcome: WRONG, rules: 99 }));
    expect(difference).toMatchObject({ rules: 99, why: expect.stringMatching(/^Rules 99 judged it; rules/) as string });
  });

  test('an outcome without a number is of rules 1', () => {
    const { rules: _none, ...old } = finished('1', KILLED, { outcome: WRONG });
    expect(found(opened(), old)).toMatchObject([{ rules: 1 }]);
  });

  test.each([
    ['an attribution alone', { ...attribute(KILLED), attribution: 'model' }],
    ['whether it ran', { ...attribute(KILLED), executed: 'no' }],
  ])('%s', (_what, outcome) => {
    expect(found(opened(), finished('1', KILLED, { outcome }))).toHaveLength(1);
  });

  test('evidence that these rules do not know', () => {
    const evidence = { kind: 'written_in_the_stars' } as unknown as Evidence;
    const strange = { ...finished('1', REFUSED), evidence };
    expect(found(opened(), strange)).toMatchObject([
      { derived: null, outcome: null, why: `Rules ${String(RULES)} can't judge this evidence (written_in_the_stars).` },
    ]);
  });

  test('a loss, and every call that found it', () => {
    const before = finished('1', { kind: 'lost_before', cause: 'engine_restarted' });
    expect(found(opened(), lost(KILLED, { cause: 'engine_restarted' }), before)).toMatchObject([
      { of: 'loss', recorded: 'engine_restarted', derived: 'sandbox_killed' },
      { of: 'call', call: '1', derived: 'infra/sandbox_killed, executed: no' },
    ]);
  });

  test.each<[string, object[]]>([
    ['valid, although a call excludes', [finished('1', KILLED), ended('valid')]],
    ['excluded, although nothing excludes', [finished('1', REFUSED), ended('exclude', ['sandbox_killed'])]],
    ['excluded for another reason', [finished('1', KILLED), graded('exclude', ['blind'])]],
    ['graded as valid after the loss of the sandbox', [finished('1', REFUSED), lost(KILLED), graded('valid')]],
  ])('a verdict: %s', (_what, lines) => {
    expect(found(opened(), ...lines)).toMatchObject([{ of: 'verdict', call: null, outcome: null }]);
  });
});

test('values that do not fit into memory come back from the file', () => {
  using aside = new PutAside<{ n: number }>(4, { write: JSON.stringify, read: (text) => JSON.parse(text) as { n: number } });
  for (let n = 0; n < 100; n += 1) aside.set(String(n), { n });
  for (let n = 0; n < 100; n += 7) aside.set(String(n), { n: (aside.get(String(n))?.n ?? 0) + 1000 });
  for (let n = 0; n < 100; n += 1) expect(aside.get(String(n))?.n).toBe(n % 7 === 0 ? n + 1000 : n);
  expect([...aside.values()].map(({ n }) => n % 1000).toSorted((a, b) => a - b)).toEqual([...Array(100).keys()]);
  expect(aside.get('none')).toBeUndefined();
});

describe('a data folder', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'faultline-rejudge-test-'));
    mkdirSync(join(dataDir, 'journal'));
  });
  afterEach(() => {
    rmSync(dataDir, { recursive: true });
  });

  const write = (...lines: readonly object[]): void => {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    writeFileSync(join(dataDir, 'journal', '20260601T000000000Z-000001.jsonl'), text);
  };
  const contents = (): string[] =>
    readdirSync(join(dataDir, 'journal')).map((name) => readFileSync(join(dataDir, 'journal', name), 'utf8'));
  const rejudge = async (write = false): Promise<{ differences: Difference[]; written: number; verdicts: object }> => {
    const differences: Difference[] = [];
    const { written, rollouts } = await rejudgeFolder(dataDir, { write, onDifference: (one) => differences.push(one) });
    return { differences, written, verdicts: rollouts };
  };
  const wrong = [opened(), finished('1', REFUSED), finished('2', KILLED, { outcome: WRONG, rules: 99 }), lost(KILLED, { cause: 'sandbox_died' }), ended('valid')];

  test('is only read, also while a server writes it', async () => {
    write(...wrong);
    await using journal = await FileJournal.open({ dataDir, clock: systemClock });
    await journal.append({ type: 'controller_started', controller: 'c', version: '0', pid: 1 }, { durable: true });
    const before = contents();
    const { differences, written } = await rejudge();
    expect([differences.length, written]).toEqual([3, 0]);
    expect(contents()).toEqual(before);
    await expect(rejudge(true)).rejects.toMatchObject({ code: 'in_use' });
  });

  test('gets an event for each outcome that differs if it is asked to, which all readers follow', async () => {
    write(...wrong);
    expect(await rejudge(true)).toMatchObject({ written: 2, verdicts: { valid: 0, exclude: 1, pending: 0 } });
    expect(contents()[0]).toBe(wrong.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(await rejudge()).toMatchObject({ differences: [], verdicts: { exclude: 1 } });

    using ledger = await Ledger.open(dataDir, 'light');
    expect(await ledger.rows('SELECT call, cause, rules FROM calls ORDER BY call')).toEqual([
      { call: '1', cause: 'bad_arguments', rules: RULES },
      { call: '2', cause: 'sandbox_killed', rules: RULES },
    ]);
    expect(await ledger.rows('SELECT verdict, reason, infra_calls FROM rollouts')).toEqual([
      { verdict: 'exclude', reason: 'sandbox_killed', infra_calls: 1 },
    ]);
    const past = new PastRollouts();
    for (const line of contents().flatMap((text) => text.trimEnd().split('\n')))
      past.add(parseEvent(line), { file: '', offset: 0, bytes: 0 });
    expect(past.byId.get('r')).toMatchObject({ lossCause: 'sandbox_killed' });
    expect(past.byId.get('r')?.calls.get('2')?.ending?.outcome).toEqual(attribute(KILLED));
  });

  test('of 0.1.0 differs nowhere but where the rules have changed since', async () => {
    cpSync(join(FIXTURE, 'journal'), join(dataDir, 'journal'), { recursive: true });
    const { differences } = await rejudge();
    const changed = new Set(differences.filter(({ rules }) => rules === 1 && RULES > 1).map(({ rollout }) => rollout));
    expect(differences.filter(({ rollout }) => !changed.has(rollout))).toEqual([]);
  });

  test('without a journal is an error', async () => {
    rmSync(join(dataDir, 'journal'), { recursive: true });
    await expect(rejudge()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
