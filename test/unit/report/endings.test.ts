import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseEvent, type JournalEvent } from '../../../src/journal/event.ts';
import type { CauseCode } from '../../../src/outcome/causes.ts';
import { Ledger } from '../../../src/report/ledger.ts';
import { PastRollouts } from '../../../src/rollouts/past-rollouts.ts';
import {
  foldInto,
  newRecord,
  verdictOfRecord,
  type RecordedRollout,
} from '../../../src/rollouts/recorded-rollout.ts';
import { verdictOf, type Verdict } from '../../../src/rollouts/verdict.ts';
import { generatedJournal } from './journals.ts';

/** A rollout as reports and verdicts tell it, in the words of the views. */
type Told = Readonly<Record<string, unknown>>;

const COUNTS = ['ok', 'model', 'recovered', 'infra', 'task', 'client', 'undetermined', 'pending'] as const;

function toldBy({ verdict, reasons, counts }: Verdict, calls: Iterable<[string, CauseCode | null]>): Told {
  return {
    verdict,
    ...(reasons.length > 0 && { reason: reasons[0] }),
    calls: counts.calls,
    ...Object.fromEntries(COUNTS.map((one) => [`${one}_calls`, counts[one]])),
    causes: Object.fromEntries([...calls].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

async function reports(
  files: readonly (readonly object[])[],
  depth: 'light' | 'whole',
): Promise<Map<string, Told>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-endings-'));
  try {
    mkdirSync(join(dataDir, 'journal'));
    for (const [index, lines] of files.entries()) {
      const name = `20260601T000000000Z-${String(index + 1).padStart(6, '0')}.jsonl`;
      writeFileSync(
        join(dataDir, 'journal', name),
        lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
      );
    }
    using ledger = await Ledger.open(dataDir, depth);
    const calls = await ledger.rows<{ rollout: string; call: string; cause: string | null }>(
      'SELECT rollout, call, cause FROM calls ORDER BY call',
    );
    const causes = Map.groupBy(calls, ({ rollout }) => rollout);
    const rows = await ledger.rows<{ rollout: string; verdict: string; reason: string | null }>(
      'SELECT * FROM rollouts',
    );
    return new Map(
      rows.map((row) => {
        const { rollout, verdict, reason, ...columns } = row as typeof row & Record<string, unknown>;
        const counts = Object.fromEntries(
          ['calls', ...COUNTS.map((one) => `${one}_calls`)].map((one) => [one, columns[one]]),
        );
        const ofCalls = (causes.get(rollout) ?? []).map(({ call, cause }) => [call, cause] as const);
        return [
          rollout,
          {
            verdict,
            ...(verdict === 'exclude' && { reason }),
            ...counts,
            causes: Object.fromEntries(ofCalls),
          },
        ];
      }),
    );
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

/** The fold over recorded events, which `faultline rejudge` uses too. */
function folded(events: readonly JournalEvent[]): Map<string, Told> {
  const records = new Map<string, RecordedRollout>();
  let life = 0;
  for (const event of events) {
    if (event.type === 'controller_started') life += 1;
    if (event.type === 'rollout_opened') records.set(event.rollout, newRecord());
    const record = 'rollout' in event && event.rollout !== null ? records.get(event.rollout) : undefined;
    if (record !== undefined) foldInto(record, event, life);
  }
  return new Map(
    records.entries().map(([id, record]) => {
      const final = record.calls
        .entries()
        .map(([call, { cause, running, reopenedIn }]): [string, CauseCode | null] => [
          call,
          running || reopenedIn === life ? null : cause,
        ]);
      return [id, toldBy(verdictOfRecord(record, life), final)];
    }),
  );
}

/** What a server restores at its start. */
function restored(events: readonly JournalEvent[]): Map<string, Told> {
  const past = new PastRollouts();
  for (const event of events) past.add(event, { file: '', offset: 0, bytes: 0 });
  return new Map(
    past.byKey.values().map(({ id, calls, clientFaults, lossCause, recoveries }) => {
      const judged = [...calls.values()].map(({ ending, intent }) => ({
        cause: ending?.outcome.cause ?? null,
        recovered: (intent?.attempts ?? 0) > 1,
      }));
      const faults = clientFaults.map((cause) => ({ cause, recovered: false }));
      const verdict = verdictOf([...judged, ...faults], lossCause, recoveries);
      return [
        id,
        toldBy(
          verdict,
          calls.entries().map(([call, { ending }]) => [call, ending?.outcome.cause ?? null]),
        ),
      ];
    }),
  );
}

const inOrder = (told: ReadonlyMap<string, Told>): unknown[] =>
  [...told].toSorted(([a], [b]) => (a < b ? -1 : 1));
const eventsOf = (files: readonly (readonly object[])[]): JournalEvent[] =>
  files.flat().map((line) => parseEvent(JSON.stringify(line)));

const SEEDS = Array.from({ length: 8 }, (_, index) => index + 1);

describe('reports say what verdicts say, of every rollout, call and count', () => {
  test.each(SEEDS)('in a generated journal (seed %i)', async (seed) => {
    const files = generatedJournal(seed, 60);
    const told = inOrder(folded(eventsOf(files)));
    expect(inOrder(await reports(files, 'light'))).toEqual(told);
    if (seed % 4 === 0) expect(inOrder(await reports(files, 'whole'))).toEqual(told);
  });

  test.each(SEEDS)('and what a server restores from it (seed %i)', async (seed) => {
    const files = generatedJournal(seed, 60);
    const at = new Date(Date.parse('2026-07-01T00:00:00Z')).toISOString();
    const restart = [{ at, type: 'controller_started', controller: 'c', version: '0.2.0', pid: 2 }];
    expect(inOrder(await reports([...files, restart], 'light'))).toEqual(inOrder(restored(eventsOf(files))));
  });

  test('the journals have what makes it difficult', () => {
    const events = SEEDS.flatMap((seed) => eventsOf(generatedJournal(seed, 60)));
    const types = Map.groupBy(events, ({ type }) => type);
    for (const type of ['call_reopened', 'rollout_lost', 'call_refused', 'controller_started'] as const)
      expect([type, (types.get(type)?.length ?? 0) > 10]).toEqual([type, true]);
    const verdicts = SEEDS.flatMap((seed) => [...folded(eventsOf(generatedJournal(seed, 60))).values()]);
    const kinds = Map.groupBy(verdicts, ({ verdict }) => verdict);
    for (const verdict of ['valid', 'exclude', 'pending'])
      expect([verdict, (kinds.get(verdict)?.length ?? 0) > 20]).toEqual([verdict, true]);
    expect(verdicts.filter((one) => one['recovered_calls'] !== 0).length).toBeGreaterThan(20);
  });
});
