import { unreachable } from '../kernel/errors.ts';
import { causes, type CauseCode, type Outcome } from './causes.ts';
import { endedCause } from './ended-cause.ts';
import { atLeastHalf, isKnownFalse } from './known.ts';
import { notStartedCause } from './not-started-cause.ts';
import type { Evidence, FaultCode, PostMortem } from './evidence.ts';

/** A judged ending. This pair is passed on, so that the same evidence is not judged twice. */
export interface Judged {
  readonly evidence: Evidence;
  readonly outcome: Outcome;
}

export function judge(evidence: Evidence): Judged {
  return { evidence, outcome: attribute(evidence) };
}

/**
 * Maps evidence to an outcome. Pure and total; each ending is judged once. The README of this folder has the order of the
 * checks and its reasons.
 *
 * Unknown evidence is never infra: each infrastructure cause needs a fact that somebody outside the sandbox reports, and
 * a known absence of the sandbox's own fault that would come before it.
 *
 * Limits of the judgement:
 * - A kill from outside is known only from the engine's events. A signal sent by hand to a process on the host leaves no
 *   trace there, and the outcome is `sandbox_died`.
 * - An engine whose sandboxes have no counters (gVisor) can't show that an ending was not the sandbox's own memory limit:
 *   calls that end there are never attributed to starvation, egress or the host's memory.
 * - Processors and memory that sandboxes take from each other are attributed to the model: each sandbox had its share, and
 *   models could keep each other busy.
 * - Printed text is never used.
 */
export function attribute(evidence: Evidence): Outcome {
  switch (evidence.kind) {
    case 'ended':
      return outcome(endedCause(evidence.record), 'yes');
    case 'not_started':
      return outcome(notStartedCause(evidence), 'no');
    case 'refused':
      return outcome(evidence.reason, 'no');
    case 'turn_expired':
      return outcome(atLeastHalf(evidence.heldUpMs, evidence.waitMs) ? 'queue_wait' : 'turn_wait', 'no');
    case 'queue_expired':
      return outcome('queue_wait', 'no');
    case 'setup_failed':
      return outcome('setup_failed', 'no');
    case 'no_sandbox':
      return outcome(startCause(evidence.fault), 'no');
    case 'sandbox_lost':
      return outcome(lossCause(evidence.postMortem), evidence.executed);
    case 'controller_restarted':
      return outcome('blind', 'unknown');
    case 'lost_before':
      return outcome(evidence.cause, 'no');
    case 'rollout_over':
      return outcome(overCause(evidence), evidence.executed ?? 'no');
    default:
      return unreachable(evidence);
  }
}

function outcome(cause: CauseCode, executed: Outcome['executed']): Outcome {
  return { attribution: causes[cause].attribution, cause, executed };
}

const overCauses = {
  idle: 'rollout_idle',
  life: 'rollout_life',
  deleted: 'rollout_ended',
  graded: 'rollout_ended',
  stopped: 'rollout_idle',
} as const satisfies Record<string, CauseCode>;

function overCause({ how, commandsMs, lifeMs }: Extract<Evidence, { kind: 'rollout_over' }>): CauseCode {
  return how === 'life' && atLeastHalf(commandsMs, lifeMs) ? 'rollout_time' : overCauses[how];
}

function startCause(fault: FaultCode): CauseCode {
  return fault === 'lost' || fault === 'agent_silent' ? 'start_timeout' : fault;
}

/**
 * Infra needs positive evidence from outside the sandbox. A gap in the evidence is `blind`; everything else is
 * `sandbox_died`. The engine's OOM flag stays set after the OOM kill of any child, so with a disturbed engine it decides
 * only together with the time of the kill.
 */
function lossCause(seen: PostMortem): CauseCode {
  if (seen.foreignKill) return 'sandbox_killed';
  if (seen.foreignPause) return 'sandbox_paused';
  const exited = seen.container === 'exited';
  if (seen.engineDisturbed) {
    if (exited && seen.oomFlag && seen.oomSince === true) return 'sandbox_broken';
    return seen.container !== 'unknown' && isKnownFalse(seen.oomFlag) ? 'engine_restarted' : 'blind';
  }
  if (exited && seen.oomFlag) return 'sandbox_broken';
  if (seen.evidenceGap) return 'blind';
  return seen.container === 'unknown' ? 'blind' : 'sandbox_died';
}
