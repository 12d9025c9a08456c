import type { Counters } from '../../protocol/messages.ts';
import type { CallReport } from '../sandbox.ts';

/** What a call may have lacked by sandboxd's report, so that the host is asked for it. */
export interface Missing {
  readonly processors: boolean;
  readonly memory: boolean;
  readonly processes: boolean;
  /** Processes that it had when a fork was refused, and has no more. */
  readonly freed: number;
}

const EAGAIN = 11;

export function missing(report: CallReport): Missing {
  const { before, after } = report;
  const rose = (counter: keyof Counters): boolean => (after[counter] ?? -1) > (before[counter] ?? -1);
  const failedFork = report.type === 'start-failed' && report.errno === EAGAIN;
  const most = failedFork ? before.pidsCurrent : (after.pidsPeak ?? -1);
  return {
    processors: report.type === 'exited' && report.starvedMs > 0,
    memory: rose('oomKills'),
    processes: failedFork || rose('pidsLimitHits'),
    freed: Math.max(0, most - after.pidsCurrent),
  };
}
