import type { CauseCode } from './causes.ts';
import { hostProcessesRanOut, ownForkRefusals } from './ended-cause.ts';
import type { NotStartedRecord } from './evidence.ts';
import { isKnown, rise } from './known.ts';

/** Linux errno values, from errno(3) on x86-64 and arm64. */
const ENOENT = 2;
const EAGAIN = 11;
const ENOMEM = 12;
const EACCES = 13;
/** Set by sandboxd itself, see `StartFailure`: neither exec nor fork returns it. */
const ENOBUFS = 105;

/** The cause of a call whose command was never executed. */
export function notStartedCause(evidence: {
  need: string;
  offered: boolean;
  record: NotStartedRecord;
}): CauseCode {
  const { need, offered, record } = evidence;
  if (record.errno === ENOBUFS) return 'agent_full';
  if (record.stage === 'fork') return forkCause(record);
  if (record.errno !== ENOENT && record.errno !== EACCES) return 'tool_unstartable';
  if (need === 'shell') return offered ? 'shell_removed' : 'shell_absent';
  if (need === 'python') return offered ? 'python_removed' : 'python_absent';
  return 'tool_unstartable';
}

function forkCause(record: NotStartedRecord): CauseCode {
  if (record.errno === ENOMEM) return ownMemoryRefused(record) ? 'memory_limit' : 'tool_unstartable';
  if (record.errno !== EAGAIN) return 'tool_unstartable';
  if ((ownForkRefusals(record) ?? 0) > 0) return 'process_limit';
  return hostProcessesRanOut(record) ? 'host_processes' : 'tool_unstartable';
}

/** The kernel charges memory in batches of 64 pages, so it can refuse while usage is one batch below the limit. */
const LIMIT_SLACK_BYTES = 64 * 4096;

function ownMemoryRefused(record: NotStartedRecord): boolean {
  if ((rise(record, 'memoryLimitHits') ?? 0) > 0) return true;
  const { memoryPeakBytes: peak, memoryLimitBytes: limit } = record.before;
  return isKnown(peak) && isKnown(limit) && peak + LIMIT_SLACK_BYTES >= limit;
}
