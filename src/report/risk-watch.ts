import { pause, type Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { RiskJudgement } from '../telemetry/alarms.ts';
import type { ReportProcess, SpokenRisk } from './report-process.ts';
import { RISING_P } from './risk-words.ts';

const FIRST_MS = 60_000;
const EVERY_MS = 15 * 60_000;
const SINCE = '7d';

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

async function judge({ reports, log }: RiskWatchParts): Promise<RiskJudgement | null> {
  try {
    return judgementOf(await reports.risk({ since: SINCE }));
  } catch (error) {
    log.error({ err: error }, 'risk report failed');
    return null;
  }
}

/** Relies on the order of `riskSentences`: the first sentences are those of the findings, one each. */
export function judgementOf({ findings, sentences, excludedTrend }: SpokenRisk): RiskJudgement {
  return {
    behaviours: sentences.slice(0, findings.length),
    exclusionRises: excludedTrend !== null && excludedTrend.p < RISING_P,
  };
}
