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
  if (refused && record.waitStatus !== 0 && hostProcessesRanOut(record)) return 'host_processes';
  return null;
}

function ownCause(record: EndedRecord): CauseCode {
  if (record.killReason === 'starved' || record.killReason === 'timeout') return 'time_limit';
  if (record.interpreter === 'lost') return 'interpreter_ended';
  if (record.waitStatus !== 0 && (ownForkRefusals(record) ?? 0) > 0) return 'process_limit';
  return record.egress?.crashed === true ? 'egress_crashed' : 'completed';
}

/**
 * A process was OOM-killed, no limit of the sandbox itself had refused memory, by sandboxd's counter as by the host's, and
 * sandboxes were not what used the memory.
 */
function hostRanOut(record: EndedRecord): boolean {
  const { memory } = record.host ?? {};
  return (
    rise(record, 'memoryLimitHits') === 0 &&
    memory?.ownLimitHits === 0 &&
    withheldByOthers(memory.sandboxesUsed)
  );
}

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

/** The sandbox's own limit refused no fork, the host was full, and not of the processes of sandboxes. */
export function hostProcessesRanOut(record: ForkRecord): boolean {
  const { processes } = record.host ?? {};
  return (
    ownForkRefusals(record) === 0 && processes?.full === true && withheldByOthers(processes.sandboxesUsed)
  );
}
