import { describe, expect, test } from 'vitest';
import { parseEvent, type JournalEvent } from '../../../src/journal/event.ts';
import { attribute } from '../../../src/outcome/attribute.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { RULES } from '../../../src/outcome/rules.ts';
import type { Difference } from '../../../src/rejudge/difference.ts';
import { PutAside } from '../../../src/rejudge/put-aside.ts';
import { Rejudge } from '../../../src/rejudge/rejudge.ts';
import { generatedJournal } from '../report/journals.ts';
import { at, ended, finished, graded, KILLED, lost, opened, REFUSED, WRONG } from './lines.ts';

function found(...lines: readonly object[]): Difference[] {
  using rejudge = new Rejudge();
  const events: JournalEvent[] = lines.map((line) => parseEvent(JSON.stringify(line)));
  for (const event of events) if (event.type === 'rejudged') rejudge.correct(event);
  return events.flatMap((event) => rejudge.add(event));
}

describe('nothing differs', () => {
  test.each([1, 2, 3, 4, 5, 6])('in a journal that these rules judged (seed %i)', (seed) => {
    expect(
      found(
        ...generatedJournal(seed, 80)
          .flat()
          .filter(({ type }) => type !== 'rollout_ended'),
      ),
    ).toEqual([]);
  });

  test.each<[string, object[]]>([
    ['a verdict that follows', [finished('1', KILLED), ended('exclude', ['sandbox_killed'])]],
    [
      'a verdict said while an ending was on its way to the disk',
      [finished('1', REFUSED), finished('2', KILLED), ended('pending')],
    ],
    [
      'a verdict said while a call had arrived and was in no event',
      [finished('1', REFUSED), ended('pending')],
    ],
    ['a loss between calls', [finished('1', REFUSED), lost(KILLED), graded('exclude', ['sandbox_killed'])]],
    [
      'a faulty request',
      [{ at, type: 'call_refused', rollout: 'r', cause: 'bad_request' }, graded('exclude', ['bad_request'])],
    ],
    ['a faulty request that only the end names', [ended('exclude', ['conflicting_repeat'])]],
    [
      'a call that was reopened',
      [
        finished('1', { kind: 'queue_expired' }),
        { at, type: 'call_reopened', rollout: 'r', call: '1' },
        finished('1', REFUSED),
        ended('valid'),
      ],
    ],
    [
      'a gate that excludes what was rebuilt',
      [
        { at, type: 'rollout_displaced', rollout: 'r', cause: 'sandbox_killed', evidence: KILLED },
        { at, type: 'sandbox_claimed', rollout: 'r', handle: {}, attempt: 2 },
        graded('exclude'),
      ],
    ],
    ['a verdict of the gate about an id without calls', [graded('no_tool_call')]],
  ])('%s', (_what, lines) => {
    expect(found(opened(), ...lines)).toEqual([]);
  });

  test('a rollout whose calls never arrived is derived as excluded', () => {
    using rejudge = new Rejudge();
    const lines = [
      opened(),
      graded('exclude', ['calls_never_arrived']),
      ended('exclude', ['calls_never_arrived']),
    ];
    expect(lines.flatMap((line) => rejudge.add(parseEvent(JSON.stringify(line))))).toEqual([]);
    expect(rejudge.verdicts()).toMatchObject({ exclude: 1, valid: 0 });
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
    expect(difference).toMatchObject({
      rules: 99,
      why: expect.stringMatching(/^Rules 99 judged it; rules/) as string,
    });
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
      {
        derived: null,
        outcome: null,
        why: `Rules ${String(RULES)} can't judge this evidence (written_in_the_stars).`,
      },
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
    [
      'graded as valid after the loss of the sandbox',
      [finished('1', REFUSED), lost(KILLED), graded('valid')],
    ],
  ])('a verdict: %s', (_what, lines) => {
    expect(found(opened(), ...lines)).toMatchObject([{ of: 'verdict', call: null, outcome: null }]);
  });
});

test('values that do not fit into memory come back from the file', () => {
  using aside = new PutAside<{ n: number }>(4, {
    write: JSON.stringify,
    read: (text) => JSON.parse(text) as { n: number },
  });
  for (let n = 0; n < 100; n += 1) aside.set(String(n), { n });
  for (let n = 0; n < 100; n += 7) aside.set(String(n), { n: (aside.get(String(n))?.n ?? 0) + 1000 });
  for (let n = 0; n < 100; n += 1) expect(aside.get(String(n))?.n).toBe(n % 7 === 0 ? n + 1000 : n);
  expect([...aside.values()].map(({ n }) => n % 1000).toSorted((a, b) => a - b)).toEqual([
    ...Array(100).keys(),
  ]);
  expect(aside.get('none')).toBeUndefined();
});
