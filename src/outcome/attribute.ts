import { unreachable } from '../kernel/errors.ts';
import { causes, type CauseCode, type Outcome } from './causes.ts';
import type { Counters } from '../protocol/messages.ts';
import type { EndedRecord, Evidence, FaultCode, NotStartedRecord, PostMortem } from './evidence.ts';

/** A judged ending. This pair is passed on, so that the same evidence is not judged twice. */
export interface Judged {
  readonly evidence: Evidence;
  readonly outcome: Outcome;
}

export function judge(evidence: Evidence): Judged {
  return { evidence, outcome: attribute(evidence) };
}

/**
 * Maps evidence to an outcome. Pure and total; each ending is judged once.
 *
 * Limits of the judgement:
 * - A kill from outside is known only from the engine's events. A signal sent by hand to a process on the host leaves no
 *   trace there, and the outcome is `sandbox_died`.
 * - Memory: the sandbox's peak decides between its own limit and the host's. On cgroup v1 the peak covers the sandbox's
 *   whole life, so a host shortage after the sandbox has once reached its limit is attributed to the model.
 * - Processors: processor time that sandboxes take from each other extends a time limit by up to 120 s. Beyond that the
 *   call is still attributed to the model: each sandbox had its share, and models could keep each other busy.
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
      return outcome('turn_wait', 'no');
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
      return outcome(overCause[evidence.how], 'no');
    default:
      return unreachable(evidence);
  }
}

function outcome(cause: CauseCode, executed: Outcome['executed']): Outcome {
  return { attribution: causes[cause].attribution, cause, executed };
}

const overCause = {
  idle: 'rollout_idle',
  life: 'rollout_life',
  deleted: 'rollout_ended',
  graded: 'rollout_ended',
  stopped: 'rollout_idle',
} as const satisfies Record<string, CauseCode>;

function endedCause(record: EndedRecord): CauseCode {
  if (delta(record, 'oomKills') > 0) return memoryCause(record.after);
  if (record.killReason === 'output') return 'output_limit';
  if (record.killReason === 'cancelled') return 'cancelled';
  if (record.egress?.disturbed === true) return 'egress_down';
  if (record.killReason === 'starved') return starvedCause(record);
  if (record.killReason === 'timeout' && record.paused === true) return 'sandbox_paused';
  if (record.killReason === 'timeout') return 'time_limit';
  if (record.interpreter === 'lost') return 'interpreter_ended';
  if (delta(record, 'pidsLimitHits') > 0 && record.waitStatus !== 0) return 'process_limit';
  return 'completed';
}

/** Share of the host's processors. If all sandboxes together used at least this much, the host did not withhold them. */
const SANDBOXES_HAD = 0.5;

/** If other sandboxes used the processors, each had its share, and the time limit was already extended to its maximum. */
function starvedCause({ sandboxesUsed }: EndedRecord): CauseCode {
  return (sandboxesUsed ?? 0) >= SANDBOXES_HAD ? 'time_limit' : 'cpu_starved';
}

function delta(record: EndedRecord, counter: keyof Counters): number {
  const { before, after } = record;
  return before[counter] < 0 || after[counter] < 0 ? 0 : after[counter] - before[counter];
}

/** The kernel charges memory in batches of 64 pages, so it can kill while usage is one batch below the limit. */
const LIMIT_SLACK_BYTES = 64 * 4096;

function memoryCause(after: Counters): CauseCode {
  if (after.memoryPeakBytes < 0 || after.memoryLimitBytes < 0) return 'memory_limit';
  return after.memoryPeakBytes + LIMIT_SLACK_BYTES >= after.memoryLimitBytes ? 'memory_limit' : 'host_memory';
}

/** Linux errno values, from errno(3) on x86-64 and arm64. */
const ENOENT = 2;
const EAGAIN = 11;
const ENOMEM = 12;
const EACCES = 13;
/** Set by sandboxd itself, see `StartFailure`: neither exec nor fork returns it. */
const ENOBUFS = 105;

function notStartedCause(evidence: { need: string; offered: boolean; record: NotStartedRecord }): CauseCode {
  const { need, offered, record } = evidence;
  if (record.errno === ENOBUFS) return 'agent_full';
  if (record.stage === 'fork') return forkCause(record);
  if (record.errno !== ENOENT && record.errno !== EACCES) return 'tool_unstartable';
  if (need === 'shell') return offered ? 'shell_removed' : 'shell_absent';
  if (need === 'python') return offered ? 'python_removed' : 'python_absent';
  return 'tool_unstartable';
}

function forkCause(record: NotStartedRecord): CauseCode {
  if (record.errno === EAGAIN) return 'process_limit';
  if (record.errno === ENOMEM) return memoryCause(record.before);
  return 'tool_unstartable';
}

function startCause(fault: FaultCode): CauseCode {
  return fault === 'lost' || fault === 'agent_silent' ? 'start_timeout' : fault;
}

/** Infra needs positive evidence from outside the sandbox. A gap in the evidence is `blind`; everything else is `sandbox_died`. */
function lossCause(seen: PostMortem): CauseCode {
  if (seen.foreignKill) return 'sandbox_killed';
  if (seen.foreignPause) return 'sandbox_paused';
  if (seen.engineDisturbed) return seen.container === 'unknown' ? 'blind' : 'engine_restarted';
  if (seen.container === 'exited' && seen.oomFlag) return 'sandbox_broken';
  if (seen.evidenceGap) return 'blind';
  return seen.container === 'unknown' ? 'blind' : 'sandbox_died';
}
