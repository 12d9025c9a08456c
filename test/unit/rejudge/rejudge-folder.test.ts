import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseEvent } from '../../../src/journal/event.ts';
import { FileJournal } from '../../../src/journal/file-journal.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { attribute } from '../../../src/outcome/attribute.ts';
import { RULES } from '../../../src/outcome/rules.ts';
import type { Difference } from '../../../src/rejudge/difference.ts';
import { rejudgeFolder } from '../../../src/rejudge/rejudge-folder.ts';
import { Ledger } from '../../../src/report/ledger.ts';
import { PastRollouts } from '../../../src/rollouts/past-rollouts.ts';
import { FIXTURE } from '../compat/version-0.1.0.ts';
import { ended, finished, KILLED, lost, opened, REFUSED, WRONG } from './lines.ts';

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
  const rejudge = async (
    write = false,
  ): Promise<{ differences: Difference[]; written: number; verdicts: object }> => {
    const differences: Difference[] = [];
    const { written, rollouts } = await rejudgeFolder(dataDir, {
      write,
      onDifference: (one) => differences.push(one),
    });
    return { differences, written, verdicts: rollouts };
  };
  const wrong = [
    opened(),
    finished('1', REFUSED),
    finished('2', KILLED, { outcome: WRONG, rules: 99 }),
    lost(KILLED, { cause: 'sandbox_died' }),
    ended('valid'),
  ];

  test('is only read, also while a server writes it', async () => {
    write(...wrong);
    await using journal = await FileJournal.open({ dataDir, clock: systemClock });
    await journal.append(
      { type: 'controller_started', controller: 'c', version: '0', pid: 1 },
      { durable: true },
    );
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
    const [restored] = past.byKey.values();
    expect(restored).toMatchObject({ lossCause: 'sandbox_killed' });
    expect(restored?.calls.get('2')?.ending?.outcome).toEqual(attribute(KILLED));
  });

  test('of 0.1.0 differs nowhere but where the rules have changed since', async () => {
    cpSync(join(FIXTURE, 'journal'), join(dataDir, 'journal'), { recursive: true });
    const { differences } = await rejudge();
    const changed = new Set(
      differences.filter(({ rules }) => rules === 1 && RULES > 1).map(({ rollout }) => rollout),
    );
    expect(differences.filter(({ rollout }) => !changed.has(rollout))).toEqual([]);
  });

  test('without a journal is an error', async () => {
    rmSync(join(dataDir, 'journal'), { recursive: true });
    await expect(rejudge()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
