import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Ledger } from '../../../src/report/ledger.ts';
import { risk, type Risk } from '../../../src/report/risk.ts';
import { riskSentences } from '../../../src/report/risk-words.ts';

interface Made {
  readonly rollout: string;
  readonly command: string;
  readonly second: number;
  readonly fails?: boolean;
}

const START = Date.parse('2026-06-01T00:00:00Z');
const at = (second: number): string => new Date(START + second * 1000).toISOString();

function lines(job: string, rollouts: readonly Made[][]): object[] {
  return rollouts.flatMap((calls) =>
    calls.flatMap(({ rollout, command, second, fails = false }, index) => [
      ...(index === 0
        ? [
            {
              at: at(second),
              type: 'rollout_opened',
              rollout,
              task: 'swe',
              image: 'base',
              policy: 'default',
              job,
            },
          ]
        : []),
      {
        ...{
          at: at(second),
          type: 'call_intended',
          rollout,
          call: String(index),
          number: index + 1,
          sandbox: 's',
        },
        ...{ tool: 'shell', arguments: JSON.stringify({ command }), argumentsSha256: 'f' },
      },
      {
        ...{ at: at(second + 0.5), type: 'call_finished', rollout, call: String(index), tool: 'shell' },
        ...{ number: index + 1, argumentsSha256: 'f', evidence: { kind: 'ended' }, output: '', result: null },
        outcome: fails
          ? { attribution: 'infra', cause: 'sandbox_killed', executed: 'unknown' }
          : { attribution: 'ok', cause: 'completed', executed: 'yes' },
        ...{ status: fails ? 503 : 200, durationMs: 500 },
      },
    ]),
  );
}

async function riskIn(events: readonly object[]): Promise<Risk> {
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-faults-'));
  try {
    mkdirSync(join(dataDir, 'journal'));
    const file = join(dataDir, 'journal', '20260601T000000000Z-000001.jsonl');
    writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    using ledger = await Ledger.open(dataDir, 'light');
    return await risk(ledger, {});
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

const HOUR = 3600;
const named = ({ findings }: Risk): string[] =>
  findings.map(({ dimension, level }) => `${dimension} ${level}`);

/** Steps of a hundred rollouts. In each, `ls`, then by the rollout's number `git clone` or another command. */
function steps(
  count: number,
  clones: (rollout: number) => boolean,
  fails: (rollout: number) => boolean,
  spacingS = 1,
): Made[][] {
  return Array.from({ length: count }, (_, step) =>
    Array.from({ length: 100 }, (_one, index) => {
      const rollout = `r-${String(step)}-${String(index)}`;
      const second = step * HOUR;
      const command = clones(index) ? 'git clone https://x/y' : 'pytest -q';
      return [
        { rollout, command: 'ls', second },
        { rollout, command, second: second + spacingS, fails: clones(index) && fails(index) },
        ...(clones(index) && fails(index)
          ? []
          : [{ rollout, command: 'cat f', second: second + 2 * spacingS }]),
      ];
    }),
  ).flat();
}

describe('a behaviour whose every call fails is named after three steps', () => {
  test.each([
    ['one rollout in four uses it', (index: number) => index % 4 === 0],
    ['one rollout in twenty uses it', (index: number) => index % 20 === 0],
    ['every rollout uses it, at the same moment', () => true],
  ])('where %s', async (_where, clones) => {
    const report = await riskIn(
      lines(
        'j',
        steps(3, clones, () => true),
      ),
    );
    expect(named(report)).toEqual(['family git clone']);
    expect(riskSentences(report)[0]).toMatch(/^The command "git clone" fails because of infrastructure/);
  });

  test('and not before, because one incident can look the same', async () => {
    const report = await riskIn(
      lines(
        'j',
        steps(
          2,
          (index) => index % 4 === 0,
          () => true,
        ),
      ),
    );
    expect(named(report)).toEqual([]);
    expect(riskSentences(report).at(-1)).toContain('a finding needs failures in at least 3');
  });
});

test('a hundred failures of one command in one incident name nothing', async () => {
  const calm = steps(
    30,
    (index) => index % 4 === 0,
    () => false,
  ).map((calls, index) =>
    index % 50 === 3 ? calls.slice(0, 1).map((call) => ({ ...call, fails: true })) : calls,
  );
  const incident = steps(
    31,
    () => true,
    () => true,
  ).slice(3000);
  expect(named(await riskIn(lines('j', [...calm, ...incident])))).toEqual([]);
});

test('the report says what could have been found, and that shrinks with the failures', async () => {
  const few = await riskIn(
    lines(
      'j',
      steps(
        4,
        (index) => index % 2 === 0,
        (index) => index < 8,
      ),
    ),
  );
  const many = await riskIn(
    lines(
      'j',
      steps(
        40,
        (index) => index % 2 === 0,
        (index) => index < 8,
      ),
    ),
  );
  const ratio = ({ smallest }: Risk): number =>
    smallest.find(({ share }) => share === 0.2)?.ratio ?? Infinity;
  expect(ratio(many)).toBeLessThan(ratio(few));
  expect(riskSentences(many).at(-1)).toMatch(
    /^Smallest difference that could be found, for a behaviour in 1.0 % of calls/,
  );
});

test('two jobs, one after the other, in which nothing changes are no rise, nor a change of use', async () => {
  const first = steps(
    30,
    (index) => index % 5 === 0,
    (index) => index < 1,
  );
  const second = steps(
    60,
    (index) => index % 2 === 0,
    (index) => index < 40,
  )
    .filter(([made]) => Number(made?.rollout.split('-')[1]) >= 30)
    .map((calls) => calls.map((call) => ({ ...call, rollout: `x${call.rollout}` })));
  const report = await riskIn([...lines('one', first), ...lines('two', second)]);
  expect(report.steps.map(({ job }) => job)).toContain('two');
  expect(report.excludedTrend?.p ?? 1).toBeGreaterThan(0.5);
  expect(report.findings.map(({ usage }) => usage?.trend.correlation ?? 0)).toEqual([0]);
  expect(riskSentences(report).some((sentence) => sentence.startsWith('Excluded rollouts increase'))).toBe(
    false,
  );
});

test('a share that rises within one job is found, and the job is named', async () => {
  const rising = Array.from({ length: 30 }, (_, step) =>
    steps(
      step + 1,
      (index) => index % 2 === 0,
      (index) => index < 2 * step,
    ).slice(step * 100),
  ).flat();
  const report = await riskIn(lines('rises', rising));
  expect(report.excludedTrend).toMatchObject({ job: 'rises', correlation: expect.closeTo(1, 2) as number });
  expect(report.excludedTrend?.p).toBeLessThan(0.001);
});
