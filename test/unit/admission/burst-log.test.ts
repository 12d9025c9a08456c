import { describe, expect, it } from 'vitest';
import { BurstLog } from '../../../src/admission/burst-log.ts';
import { noLog } from '../support/no-log.ts';
import { ManualClock } from '../support/manual-clock.ts';

function logOf() {
  const clock = new ManualClock();
  const totals = { waiting: 0, starting: 0, warmTaken: 0, coldTaken: 0 };
  const lines: unknown[] = [];
  const log = { ...noLog, info: (fields: object, message: string) => lines.push({ ...fields, message }) };
  return { clock, totals, lines, bursts: new BurstLog({ clock, log, totals: () => ({ ...totals }) }) };
}

describe('the line of a burst', () => {
  it('comes once, when all have been served, with where they were served from', async () => {
    const { clock, totals, lines, bursts } = logOf();
    totals.waiting = 1;
    for (let nth = 1; nth <= 100; nth += 1) bursts.firstAnswer(nth, nth > 2);
    await clock.advance(10_000);
    expect(lines).toEqual([]);
    totals.waiting = 0;
    Object.assign(totals, { warmTaken: 90, coldTaken: 8 });
    await clock.advance(60_000);
    const times = { p50Ms: 51, p95Ms: 96, p99Ms: 100 };
    expect(lines).toEqual([{ rollouts: 100, warm: 90, cold: 8, failed: 2, ...times, message: 'burst' }]);
  });

  it('does not come for a rollout now and then', async () => {
    const { clock, lines, bursts } = logOf();
    for (let nth = 0; nth < 10; nth += 1) {
      bursts.firstAnswer(5, true);
      await clock.advance(5_000);
    }
    expect(lines).toEqual([]);
  });
});
