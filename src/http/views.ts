import type { z } from 'zod';
import type { QueuePlace } from '../admission/sandbox-supply.ts';
import type { Call } from '../rollouts/call.ts';
import type { RolloutId } from '../kernel/ids.ts';
import type { Standing } from '../rollouts/registry.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { callViewSchema, rolloutSummarySchema, rolloutViewSchema, verdictSchema } from './schemas.ts';

export function rolloutSummary(rollout: Rollout): z.output<typeof rolloutSummarySchema> {
  const { id, state, task } = rollout;
  return { rollout_id: id, state, task: task.name, image: task.image.name };
}

export function rolloutView(rollout: Rollout, place: QueuePlace | null): z.output<typeof rolloutViewSchema> {
  const { verdict, reasons, recovered, counts } = rollout.verdict;
  return {
    ...rolloutSummary(rollout),
    policy: rollout.task.policy.name,
    job: rollout.job,
    opened_at: new Date(rollout.openedAt).toISOString(),
    loss_cause: rollout.lossCause,
    end_reason: rollout.endReason,
    verdict,
    reasons,
    recovered,
    counts,
    queue: place === null ? null : queueView(place),
    calls: [...rollout.calls.values()].map(callView),
  };
}

function queueView({ position, expectedWaitMs }: QueuePlace) {
  return { position, expected_wait_ms: Math.round(expectedWaitMs) };
}

export function callView({ callId, tool, ending }: Call): z.output<typeof callViewSchema> {
  return {
    call_id: callId,
    tool,
    attribution: ending?.outcome.attribution ?? null,
    cause: ending?.outcome.cause ?? null,
    status: ending?.status ?? null,
    duration_ms: ending === null ? null : Math.round(ending.durationMs),
  };
}

export function verdictView(id: RolloutId, { verdict, why }: Standing): z.output<typeof verdictSchema> {
  return { rollout_id: id, ...verdict, unknown_because: why };
}
