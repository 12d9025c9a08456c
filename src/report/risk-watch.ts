import { pause, type Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { RiskJudgement } from '../telemetry/alarms.ts';
import type { ReportProcess, SpokenRisk } from './report-process.ts';

const FIRST_MS = 60_000;
const EVERY_MS = 15 * 60_000;
const WEEK_MS = 7 * 86_400_000;
/** A Monday, 00:00 UTC. */
const MONDAY_MS = Date.parse('1970-01-05T00:00:00Z');

/**
 * Probability that the looks of one week and the next, all of them together, alarm although nothing differs: for behaviours,
 * and for rising shares. A month is touched by six such fortnights: together at most 0.9 %.
 */
export const BEHAVIOUR_ALPHA = 0.001;
export const RISING_ALPHA = 0.0005;

export interface RiskWatchParts {
  readonly reports: Pick<ReportProcess, 'risk'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Number of finished calls. While it does not change, no new report is made. */
  readonly callsFinished: () => number;
  /** Null if the report failed. */
  readonly onJudged: (judgement: RiskJudgement | null) => void;
}

/** Makes the risk report every 15 minutes until aborted. This also keeps the cached copies of the journal up to date. */
export async function watchRisk(parts: RiskWatchParts, signal: AbortSignal): Promise<void> {
  let seen: number | null = null;
  await pause(parts.clock, FIRST_MS, signal);
  while (!signal.aborted) {
    const calls = parts.callsFinished();
    if (calls !== seen) parts.onJudged(await judge(parts));
    seen = calls;
    await pause(parts.clock, EVERY_MS, signal);
  }
}

async function judge({ reports, log, clock }: RiskWatchParts): Promise<RiskJudgement | null> {
  try {
    return judgementOf(await reports.risk({ since: fortnight(clock.now()) }));
  } catch (error) {
    log.error({ err: error }, 'risk report failed');
    return null;
  }
}

/**
 * The Monday before the last one. The looks of a fortnight are looks at one growing list, for which the test holds; a list that
 * loses its oldest days with each look would be a new one each time.
 */
export function fortnight(nowMs: number): string {
  const week = Math.floor((nowMs - MONDAY_MS) / WEEK_MS);
  return new Date(MONDAY_MS + (week - 1) * WEEK_MS).toISOString();
}

/** Relies on the order of `riskSentences`: the first sentences are those of the findings, one each. */
export function judgementOf({ findings, sentences, excludedTrend }: SpokenRisk): RiskJudgement {
  return {
    behaviours: findings.flatMap(({ adjustedP }, index) =>
      adjustedP < BEHAVIOUR_ALPHA ? [sentences[index] ?? ''] : [],
    ),
    exclusionRises: excludedTrend !== null && excludedTrend.p < RISING_ALPHA,
  };
}
