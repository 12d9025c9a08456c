import type { Config } from '../config.ts';
import { watchRisk } from '../report/risk-watch.ts';
import { reap } from '../rollouts/reaper.ts';
import { restore } from '../rollouts/restore.ts';
import { specOf } from '../rollouts/sandbox-spec.ts';
import { VERSION, type Controller } from './controller.ts';

/** Restores what an earlier process left and continues its calls. Must be done before the first request is taken. */
export async function resume(controller: Controller): Promise<void> {
  const { journal, index, controllerId, calls, catalog, admission, log } = controller;
  await index.catchUp();
  await journal.append(
    { type: 'controller_started', controller: controllerId, version: VERSION, pid: process.pid },
    { durable: true },
  );
  for (const { rollout, call, arguments: given } of await restore(controller))
    calls.continueCall(rollout, call, given).catch((error: unknown) => {
      log.error({ rollout: rollout.id, call: call.callId, error }, 'interrupted call not continued');
    });
  admission.pool.open([...catalog.tasks.values()].map(specOf));
  controller.opened.taskImages.look();
  controller.activity.open();
}

/** Ends rollouts that reach their idle limit or their total life, until `signal` is aborted. */
export function keepLimits(controller: Controller, signal: AbortSignal): Promise<void> {
  const { rollouts, sandboxes, clock } = controller;
  return reap({ rollouts, ends: sandboxes.ends, clock }, signal);
}

/** Makes the report on risk from time to time and passes its judgement to the alarms, until `signal` is aborted. */
export function watchTraining(
  { reports, clock, log, activity, alarms }: Controller,
  signal: AbortSignal,
): Promise<void> {
  return watchRisk(
    {
      reports,
      clock,
      log,
      callsFinished: () => activity.finished,
      onJudged: (judgement) => {
        alarms.riskJudged(judgement);
      },
    },
    signal,
  );
}

/**
 * Stops in order; the server must have stopped taking requests. `remove` ends every rollout, which ends its running
 * calls and removes its sandbox. `keep` leaves sandboxes and running commands for the next start to adopt.
 */
export async function stop(controller: Controller, onStop: Config['onStop']): Promise<void> {
  const { calls, rollouts, sandboxes, admission, removals, journal, index } = controller;
  const { tokens, controllerId, opened } = controller;
  admission.starts.close();
  admission.pool.close();
  admission.bursts.close();
  controller.activity.close();
  if (onStop === 'remove') {
    await Promise.all([...rollouts.all()].map((rollout) => sandboxes.ends.endRollout(rollout, 'stopped')));
    await calls.idle();
  }
  await removals.idle();
  calls[Symbol.dispose]();
  await journal.append({ type: 'controller_stopped', controller: controllerId }, { durable: true });
  await opened[Symbol.asyncDispose]();
  await tokens[Symbol.asyncDispose]();
  await index[Symbol.asyncDispose]();
  await journal[Symbol.asyncDispose]();
}
