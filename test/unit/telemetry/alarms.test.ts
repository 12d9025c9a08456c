import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Alarms, alarms, type AlarmName, type AlarmState } from '../../../src/telemetry/alarms.ts';
import { RecentActivity } from '../../../src/telemetry/recent-activity.ts';
import { RecentGradings } from '../../../src/telemetry/recent-gradings.ts';
import { ManualClock } from '../support/manual-clock.ts';

const noGradings = () => new RecentGradings({ clock: new ManualClock() }).recent();
const NONE = { ok: 0, model: 0, infra: 0, task: 0, client: 0, undetermined: 0 };

function stateOf(name: AlarmName, calls: Partial<typeof NONE>, engineAnswers = true): AlarmState | undefined {
  const board = new Alarms({
    engineAnswers: () => engineAnswers,
    gradings: noGradings,
    callsWithin: () => ({ ...NONE, ...calls }),
    jobsReusingIds: () => [],
  });
  return board.states().find((alarm) => alarm.name === name)?.state;
}

test('the README has the table of alarms as the code has it', () => {
  const readme = readFileSync('src/telemetry/README.md', 'utf8').replace(/ +\|/g, ' |').split('\n');
  const rows = Object.entries(alarms).map(([name, sentence]) => `| \`${name}\` | ${sentence} |`);
  expect(readme.filter((line) => /^\| `\w+` \|/.test(line))).toEqual(rows);
});

describe('shares need both a number and a rate', () => {
  test.each([
    ['infra_rate', { ok: 95, infra: 5 }, 'raised'],
    ['infra_rate', { ok: 495, infra: 5 }, 'raised'],
    ['infra_rate', { ok: 496, infra: 5 }, 'quiet'],
    ['infra_rate', { infra: 4 }, 'quiet'],
    ['infra_rate', { model: 100 }, 'quiet'],
    ['infra_rate', {}, 'quiet'],
    ['undetermined_share', { ok: 95, undetermined: 5 }, 'raised'],
    ['undetermined_share', { ok: 95, infra: 5 }, 'quiet'],
  ] as const)('%s of %j is %s', (name, calls, state) => {
    expect(stateOf(name, calls)).toBe(state);
  });
});

test('an engine that does not answer', () => {
  expect([stateOf('engine_circuit', {}, false), stateOf('engine_circuit', {}, true)]).toEqual([
    'raised',
    'quiet',
  ]);
});

test('what the report on risk says: unknown before it and after one that failed', () => {
  const board = new Alarms({
    engineAnswers: () => true,
    callsWithin: () => NONE,
    gradings: noGradings,
    jobsReusingIds: () => [],
  });
  const ofRisk = () =>
    board
      .states()
      .slice(5, 7)
      .map(({ state, detail }) => [state, detail]);
  expect(ofRisk()).toEqual([
    ['unknown', ''],
    ['unknown', ''],
  ]);
  board.riskJudged({ behaviours: ['git clone fails.'], exclusionRises: false });
  expect(ofRisk()).toEqual([
    ['quiet', ''],
    ['raised', 'git clone fails.'],
  ]);
  board.riskJudged({ behaviours: [], exclusionRises: true });
  expect(ofRisk()).toEqual([
    ['raised', ''],
    ['quiet', ''],
  ]);
  board.riskJudged(null);
  expect(ofRisk()).toEqual([
    ['unknown', ''],
    ['unknown', ''],
  ]);
});

test('recent activity: calls fall into their second, old seconds fall out of the window, followers are told until they leave', async () => {
  const clock = new ManualClock();
  const activity = new RecentActivity({
    clock,
    gauges: () => ({ waiting: 1, starting: 0, live: 2, warm: 0 }),
  });
  const infra = {
    rollout: 'r',
    call: 'c',
    tool: 'shell',
    attribution: 'infra',
    cause: 'engine_down',
    status: 503,
    durationMs: 1,
  } as const;
  const seen: number[] = [];
  const leave = activity.follow((sample) => seen.push(sample.infra));
  activity.open();
  activity.callFinished(infra);
  await clock.advance(1_000);
  await clock.advance(1_000);
  leave();
  await clock.advance(1_000);
  activity.close();
  expect(seen).toEqual([1, 0]);
  expect(activity.samples.map(({ live, waiting }) => [live, waiting])).toEqual([
    [2, 1],
    [2, 1],
    [2, 1],
  ]);
  expect([activity.callsWithin(3).infra, activity.callsWithin(2).infra, activity.finished]).toEqual([
    1, 0, 1,
  ]);
});
