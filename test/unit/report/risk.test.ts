import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { diagnostics } from '../../../src/report/diagnostics.ts';
import { Ledger } from '../../../src/report/ledger.ts';
import { risk, type Risk } from '../../../src/report/risk.ts';
import { riskSentences } from '../../../src/report/risk-words.ts';
import { writeMonth, type Month } from './month.ts';

const MINUTES = 5 * 60_000;

async function inMonth<Result>(month: Month, look: (ledger: Ledger) => Promise<Result>): Promise<Result> {
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-month-'));
  try {
    await writeMonth(dataDir, month);
    using ledger = await Ledger.open(dataDir, 'light');
    return await look(ledger);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

const riskOf = (month: Month): Promise<Risk> => inMonth(month, (ledger) => risk(ledger, {}));
const found = ({ findings }: Risk): string[] =>
  findings.map(({ dimension, level }) => `${dimension} ${level}`);

describe('a month of training with six incidents', () => {
  test(
    'and a fault that one command brings about: that command is found, and nothing else',
    async () => {
      const report = await riskOf({
        seed: 1,
        steps: 100,
        rollouts: 300,
        planted: { family: 'git clone', hazard: 0.02 },
      });
      expect(found(report)).toEqual(['family git clone']);
      const [finding] = report.findings;
      // The truth: 0.0205 against 0.0005 outside of incidents, 0.32 against 0.3 in them.
      expect(finding?.rate.low).toBeLessThan(0.0205 + 0.005);
      expect(finding?.rate.high).toBeGreaterThan(0.0205);
      expect(finding?.usage).toMatchObject({ trend: { p: expect.closeTo(1, 3) as number } });
      const [sentence] = riskSentences(report);
      expect(sentence).toMatch(/^The command "git clone" fails because of infrastructure in/);
      expect(sentence).toContain('uses it less and less');
      expect(report.excludedTrend?.p).toBeGreaterThan(0.01);
    },
    MINUTES,
  );

  test.each([11, 12, 13])(
    'and no such fault: nothing is found, though tools, images and habits differ and drift (seed %i)',
    async (seed) => {
      const report = await riskOf({ seed, steps: 60, rollouts: 120, planted: null });
      expect(report.failures).toBeGreaterThan(50);
      expect(found(report)).toEqual([]);
      expect(riskSentences(report)[0]).toMatch(/^Infrastructure fails no tool, command, image/);
    },
    MINUTES,
  );
});

test('a few steps are too few to blame anything, and the report says how unsure it is', async () => {
  const report = await riskOf({ seed: 3, steps: 2, rollouts: 100, planted: null });
  expect(report).toMatchObject({ unit: 'step', findings: [] });
  expect(riskSentences(report).at(-1)).toContain('a finding needs failures in at least 3');
});

test('no calls at all', async () => {
  const report = await riskOf({ seed: 1, steps: 0, rollouts: 0, planted: null });
  expect(riskSentences(report)).toEqual(['There are no calls in this part of the journal.']);
});

test('scores against calls: every row once, deltas between two steps, excluded rollouts apart', async () => {
  const figures = await inMonth({ seed: 5, steps: 12, rollouts: 120, planted: null }, (ledger) =>
    diagnostics(ledger, {}, [1, 12]),
  );
  expect(figures.rows.total).toBe(60);
  expect(figures.steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  expect(figures.steps.every(({ calls_per_rollout }) => calls_per_rollout > 3 && calls_per_rollout < 7)).toBe(
    true,
  );
  const { kept } = figures.deltas ?? {};
  expect(Object.values(kept?.quadrants ?? {}).reduce((sum, one) => sum + one, 0)).toBe(kept?.rows.length);
});
