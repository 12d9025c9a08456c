import type { GateParts } from '../grading/gate.ts';
import { admissionSources, type Admission } from '../admission/admission.ts';
import type { BurstLog } from '../admission/burst-log.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { Rollouts } from '../rollouts/registry.ts';
import { Alarms } from '../telemetry/alarms.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { RecentActivity } from '../telemetry/recent-activity.ts';
import { RecentGradings } from '../telemetry/recent-gradings.ts';
import { ReusedIds } from '../telemetry/reused-ids.ts';
import type { CallParts } from '../tools/call.ts';
import { toolLabel } from '../tools/tool-name.ts';

interface TelemetryParts {
  readonly rollouts: Rollouts;
  readonly admission: Admission;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** Metrics, recent activity and alarms, connected to the parts that they read. */
export function wireTelemetry({ rollouts, admission, journal, clock }: TelemetryParts) {
  const sources = admissionSources(admission);
  const gauges = () => {
    const { live, warm } = sources.sandboxes();
    return { ...sources.starts(), live, warm };
  };
  const activity = new RecentActivity({ clock, gauges });
  const reusedIds = new ReusedIds(clock);
  const gradings = new RecentGradings({ clock });
  const alarms = new Alarms({
    gradings: () => gradings.recent(),
    engineAnswers: () => admission.breaker.state === 'closed',
    callsWithin: (seconds) => activity.callsWithin(seconds),
    jobsReusingIds: () => reusedIds.jobs(),
  });
  const metrics = new Metrics();
  metrics.watchProcess();
  metrics.watch({
    rollouts: () => rollouts.all(),
    ...sources,
    journalSkippedLines: () => journal.skippedLines,
    alarms: () => alarms.states(),
  });
  return { metrics, activity, gradings, alarms, reusedIds };
}

interface Observers {
  readonly metrics: Metrics;
  readonly activity: RecentActivity;
  readonly bursts: BurstLog;
  readonly log: Log;
}

/** Tells all observers of a grading. Lost calls and a verdict that nobody knows are a line in the log each. */
export function observeGradings({
  metrics,
  gradings,
  log,
}: Pick<Observers, 'metrics' | 'log'> & { readonly gradings: RecentGradings }): GateParts['onGraded'] {
  return ({ id: rollout, job = null }, graded) => {
    metrics.graded(graded);
    gradings.graded(graded.state);
    const { state, callsMissing } = graded;
    if (callsMissing > 0)
      log.warn(
        { rollout, job, callsMissing, excluded: state === 'calls_never_arrived' },
        'calls never arrived',
      );
    if (state === 'unknown')
      log.warn({ rollout, job, ending: graded.ending }, 'graded without a known verdict');
  };
}

/** Tells all observers of a finished call: metrics, recent activity, the burst log, and one line in the log. */
export function observeCalls({ metrics, activity, bursts, log }: Observers): CallParts['onFinished'] {
  return (rollout, { callId, tool }, { outcome, status, durationMs }) => {
    metrics.callFinished({ tool: toolLabel(rollout.task, tool), outcome, durationMs });
    const { attribution, cause } = outcome;
    activity.callFinished({
      ...{ rollout: rollout.id, call: callId, tool },
      ...{ attribution, cause, status, durationMs },
    });
    if (rollout.calls.keys().next().value === callId) bursts.firstAnswer(durationMs, status !== 503);
    const ms = Math.round(durationMs);
    log.info({ rollout: rollout.id, call: callId, tool, attribution, cause, status, ms }, 'call');
  };
}

interface ReuseObservers {
  readonly metrics: Pick<Metrics, 'callIdReused'>;
  readonly reusedIds: ReusedIds;
  readonly log: Log;
}

/** Counts each sign that a client uses call ids again, and logs the first of each job. */
export function observeReusedIds({ metrics, reusedIds, log }: ReuseObservers): CallParts['onReusedId'] {
  return ({ id: rollout, job, task }, { clientId: call }, sign) => {
    metrics.callIdReused(sign);
    if (!reusedIds.note(job)) return;
    const fix = 'make call ids unique within a rollout in the client, or set call_ids: per_turn in the task';
    const { name, call_ids } = task;
    log.warn({ job, rollout, call, sign, task: name, call_ids, fix }, 'a client uses call ids again');
  };
}
