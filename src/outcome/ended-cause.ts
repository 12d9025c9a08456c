import type { CauseCode } from './causes.ts';
import type { EndedRecord, HostReading, NotStartedRecord } from './evidence.ts';
import { isKnown, rise, withheldByOthers } from './known.ts';

/**
 * The cause of a call that ran. In this order: what the sandbox certainly did itself, the caller's wish, what outside
 * sources report, the model's own endings. README, "Order of the checks".
 */
export function endedCause(record: EndedRecord): CauseCode {
  const oomKills = rise(record, 'oomKills');
  const hostMemory = oomKills !== null && oomKills > 0 && hostRanOut(record);
  if (oomKills !== null && oomKills > 0 && !hostMemory) return 'memory_limit';
  if (record.killReason === 'output') return 'output_limit';
  if (record.killReason === 'cancelled') return 'cancelled';
  if (hostMemory) return 'host_memory';
  const outside = oomKills === 0 ? outsideCause(record) : null;
  return outside ?? ownCause(record);
}

/** What others than the sandbox did to the call, or null. Only for a call in which no process was certainly OOM-killed. */
function outsideCause(record: EndedRecord): CauseCode | null {
  if (record.egress?.disturbed === true) return 'egress_down';
  if (record.killReason === 'timeout' && record.paused === true) return 'sandbox_paused';
  if (record.killReason === 'starved' && withheldByOthers(record.sandboxesUsed)) return 'cpu_starved';
  const refused = (rise(record, 'pidsLimitHits') ?? 0) > 0;
  // Whatever its status: a shell goes on after a fork that failed.
  if (refused && hostProcessesRanOut(record)) return 'host_processes';
  return null;
}

function ownCause(record: EndedRecord): CauseCode {
  if (record.killReason === 'starved' || record.killReason === 'timeout') return 'time_limit';
  if (record.interpreter === 'lost') return 'interpreter_ended';
  if (record.waitStatus > 0 && (ownForkRefusals(record) ?? 0) > 0) return 'process_limit';
  return record.egress?.crashed === true ? 'egress_crashed' : 'completed';
}

/**
 * A process was OOM-killed, no limit of the sandbox itself had refused memory, by sandboxd's counters as by the host's, and
 * sandboxes were not what used the memory.
 */
function hostRanOut(record: EndedRecord): boolean {
  const { memory } = record.host ?? {};
  return ownLimitDidNothing(record) && memory?.ownLimitHits === 0 && withheldByOthers(memory.sandboxesUsed);
}

/** The kernel charges memory in batches, and a runtime's inner group is charged less than the one with the limit. */
const LIMIT_SLACK = { share: 0.01, bytes: 2 ** 20 };

/**
 * No refusal was counted, and a count of 0 means something: either the sandbox has never come near its limit, or the counter
 * has counted a refusal before the call. (Linux 6.18 does not count them on cgroup v1.)
 */
function ownLimitDidNothing({ before, after }: EndedRecord): boolean {
  if (rise({ before, after }, 'memoryLimitHits') !== 0) return false;
  const { memoryReachedBytes: reached, memoryLimitBytes: limit } = after;
  if (isKnown(reached) && isKnown(limit) && reached + slackOf(limit) < limit) return true;
  return (before.memoryLimitHits ?? 0) > 0;
}

const slackOf = (limit: number): number => Math.max(LIMIT_SLACK.bytes, LIMIT_SLACK.share * limit);

type ForkRecord = Pick<NotStartedRecord, 'before' | 'after'> & { readonly host?: HostReading };

/**
 * How many forks the sandbox's own limit refused; null: unknown. The kernel counts a refusal in the group of the process
 * that forks, whichever group's limit refused it (cgroup v1, and v2 before Linux 6.11). It was not the own limit where the
 * sandbox has never had as many processes as it allows.
 */
export function ownForkRefusals(record: ForkRecord): number | null {
  const refused = rise(record, 'pidsLimitHits');
  return refused !== null && wasNeverFull(record) ? 0 : refused;
}

function wasNeverFull({ after }: ForkRecord): boolean {
  const [peak, limit] = [after?.pidsPeak, after?.pidsLimit];
  return isKnown(peak) && isKnown(limit) && peak < limit;
}

/**
 * A limit above the sandbox refused a fork, or no limit did and the host was full; and sandboxes are not what filled it.
 * Says nothing on whether a fork was refused.
 */
export function hostProcessesRanOut(record: ForkRecord): boolean {
  const { processes } = record.host ?? {};
  if (ownForkRefusals(record) !== 0 || !withheldByOthers(processes?.sandboxesUsed)) return false;
  const refusedAbove = rise(record, 'pidsLimitHits') !== 0;
  return refusedAbove || processes?.full === true;
}
