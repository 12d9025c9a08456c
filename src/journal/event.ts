import { errorMessage } from '../kernel/errors.ts';
import type { SandboxHandle } from '../kernel/sandbox-handle.ts';
import type { Cause, CauseCode, Outcome } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import type { ToolResult } from '../outcome/result.ts';

/**
 * The events of the journal, one JSON object per line. A reader must ignore fields it does not know. A writer never
 * changes the meaning of a field; a new meaning is a new field.
 */

/** Length and SHA-256 (hex) of a call's complete output streams, including dropped bytes; computed by sandboxd. */
export interface StreamDigests {
  readonly stdout: { readonly bytes: number; readonly sha256: string };
  readonly stderr: { readonly bytes: number; readonly sha256: string };
}

/** Which rollout an event is about. Two jobs may use the same id. */
export interface InRollout {
  readonly rollout: string;
  /** The job that the rollout's requests name. Absent: they name none, or 0.1.0 wrote the event. */
  readonly namedJob?: string;
}

/** The reference of a rollout whose requests name this job, or none. */
export function inRollout<Id extends string>(
  rollout: Id,
  namedJob?: string | null,
): InRollout & { readonly rollout: Id } {
  return { rollout, ...(namedJob !== undefined && namedJob !== null && { namedJob }) };
}

interface EventFields {
  controller_started: { readonly controller: string; readonly version: string; readonly pid: number };
  controller_stopped: { readonly controller: string };
  rollout_opened: InRollout & {
    readonly task: string;
    readonly image: string;
    readonly policy: string;
    readonly job: string;
    /** The dataset row, if the request contained one. */
    readonly item?: unknown;
    /** Opened while the verdict index was not complete: an earlier life of the rollout can't be ruled out. */
    readonly unsure?: true;
    /** The row's name (`rowOf`). Absent in 0.1.0 and if there is no item. */
    readonly row?: string;
  };
  /** Durable before the first frame is sent: after a crash it tells which rollout a container belongs to. */
  sandbox_claimed: InRollout & { readonly handle: SandboxHandle; readonly attempt: number };
  /** Written before the frame that may start the command is sent. */
  call_intended: InRollout & {
    readonly call: string;
    /** The call's number in its sandbox. */
    readonly number: number;
    /** Instance of the sandbox that the call is sent to. */
    readonly sandbox: string;
    readonly tool: string;
    readonly arguments: unknown;
    readonly argumentsSha256: string;
    /** The id that the client sent, if it has sent it before for another call: then `call` is made from it. */
    readonly clientCall?: string;
    /** Number of calls so far with this id of the client. Absent: 1. */
    readonly occurrence?: number;
  };
  /** Durable before the reply is sent; a repeated call is answered from it. */
  call_finished: InRollout & {
    readonly call: string;
    readonly tool: string;
    /** Null if the call never reached a sandbox. */
    readonly number: number | null;
    readonly argumentsSha256: string;
    /** As in `call_intended`. */
    readonly clientCall?: string;
    readonly occurrence?: number;
    readonly outcome: Outcome;
    /** Number of the rules that judged (`RULES`). Absent in 0.1.0. */
    readonly rules?: number;
    /** The evidence for the outcome. */
    readonly evidence: Evidence;
    /** HTTP status of the reply. */
    readonly status: Cause['status'];
    /** The text the model saw. */
    readonly output: string;
    readonly result: ToolResult | null;
    readonly durationMs: number;
    /** Number of sandboxes that the call ran in, if more than one. */
    readonly attempts?: number;
    /** Digests for comparison with a replay. Absent if no tool ran. */
    readonly streams?: StreamDigests;
  };
  /** The answer was sent whole. Recorded only where the task counts call ids per turn, which depends on it. */
  call_delivered: InRollout & {
    readonly call: string;
    /** Calls of the rollout that had begun by then. */
    readonly callsBegun: number;
  };
  /** A call that had ended as `queue_wait` was sent again and waits again. Its next ending replaces that one. */
  call_reopened: InRollout & { readonly call: string };
  /** Records were found missing, from which the verdict index can't be complete. `why` null: the operator accepted that. */
  records_missing: { readonly why: string | null };
  /** A faulty request of the caller. No call was made, and the model saw an error that it did not cause. */
  call_refused: InRollout & { readonly cause: CauseCode };
  /** A step that failed and may be retried. The model is not told. */
  attempt_failed: InRollout & {
    readonly call: string | null;
    readonly step: string;
    readonly code: string;
    readonly message: string;
  };
  /**
   * Written before the controller ends a sandbox that a rollout had claimed, so that its end is not attributed to
   * infrastructure. The reason is how the rollout ended, `lost`, or `displaced` (to be rebuilt).
   */
  kill_intended: Pick<InRollout, 'namedJob'> & {
    readonly handle: SandboxHandle;
    readonly rollout: string | null;
    readonly reason: string;
  };
  /** The bytes are in the blob store under their digest. */
  file_uploaded: InRollout & {
    readonly path: string;
    readonly sha256: string;
    readonly bytes: number;
    /** Number, in the sandbox, of the upload's last chunk: its position among the calls. */
    readonly place?: number;
  };
  /** The sandbox was lost, and not because of the model; the next call rebuilds it by replay. At most once per sandbox. */
  rollout_displaced: InRollout & {
    readonly cause: CauseCode;
    readonly evidence: Evidence;
    readonly rules?: number;
  };
  /** The result of an attempt to rebuild a sandbox. `replayed` is followed by `sandbox_claimed`. */
  recovery_ended: InRollout & {
    readonly how: 'replayed' | 'mismatch' | 'over_budget' | 'not_fenced' | 'failed';
    /** Number of calls that were run again. */
    readonly calls: number;
    readonly durationMs: number;
    /** The first difference, or why the rebuild failed; for operators. */
    readonly detail: string | null;
  };
  /** The rollout cannot continue; its first cause stays. */
  rollout_lost: InRollout & {
    readonly cause: CauseCode;
    readonly evidence: Evidence;
    readonly rules?: number;
  };
  rollout_ended: InRollout & {
    readonly how: 'deleted' | 'graded' | 'idle' | 'life' | 'stopped';
    readonly verdict: string;
    readonly reasons: readonly string[];
    readonly counts: Readonly<Record<string, number>>;
    /** Of `life`: how long it lived, and for how much of that commands of its calls ran. */
    readonly lifeMs?: number;
    readonly commandsMs?: number;
  };
  /** The result of one request to grade a rollout. Durable before the score is sent. */
  graded: InRollout & {
    /** Null if the rollout made no tool call and the request named no job. */
    readonly job: string | null;
    /** The dataset row: its id, else a digest of it. */
    readonly row: string;
    readonly verdict: string;
    readonly reasons: readonly string[];
    /** `scored`, `withheld` (an excluded rollout), or the grader's fault. */
    readonly ending: string;
    /** Null if there is no score. */
    readonly score: number | null;
    /** Tool calls that the sample records in structured form and that never arrived here; absent: none. */
    readonly callsMissing?: number;
    /** Requests made to the grader. */
    readonly tries: number;
    readonly durationMs: number;
  };
  /**
   * `faultline rejudge --write` judged recorded evidence again, and the outcome differs. It replaces the outcome of the
   * call's last ending, or of the rollout's loss where `call` is null. The answer that the model saw stays.
   */
  rejudged: InRollout & {
    readonly call: string | null;
    readonly outcome: Outcome;
    /** The cause that it replaces, and the rules that judged it. */
    readonly was: { readonly cause: CauseCode; readonly rules: number };
    readonly rules: number;
  };
}

export type EventType = keyof EventFields;

/** One line of the journal. `at` is wall-clock time in ISO 8601, UTC; for people and reports, not for durations. */
export type JournalEvent = {
  [Type in EventType]: { readonly type: Type; readonly at: string } & EventFields[Type];
}[EventType];

export type EventOf<Type extends EventType> = Extract<JournalEvent, { type: Type }>;

/** An event as it is passed to the journal, which adds the time. */
export type NewEvent = { [Type in EventType]: { readonly type: Type } & EventFields[Type] }[EventType];

type FieldKind =
  'text' | 'number' | 'object' | 'list' | 'any' | 'text or null' | 'number or null' | 'object or null';

/** The fields that are not optional. */
type RequiredFields<Fields> = {
  [Field in keyof Fields as object extends Pick<Fields, Field> ? never : Field]: FieldKind;
};

/** The required fields of each event. */
const required = {
  controller_started: { controller: 'text', version: 'text', pid: 'number' },
  controller_stopped: { controller: 'text' },
  rollout_opened: { rollout: 'text', task: 'text', image: 'text', policy: 'text', job: 'text' },
  sandbox_claimed: { rollout: 'text', handle: 'object', attempt: 'number' },
  call_intended: {
    rollout: 'text',
    call: 'text',
    number: 'number',
    sandbox: 'text',
    tool: 'text',
    arguments: 'any',
    argumentsSha256: 'text',
  },
  call_finished: {
    rollout: 'text',
    call: 'text',
    tool: 'text',
    number: 'number or null',
    argumentsSha256: 'text',
    outcome: 'object',
    evidence: 'object',
    status: 'number',
    output: 'text',
    result: 'object or null',
    durationMs: 'number',
  },
  call_delivered: { rollout: 'text', call: 'text', callsBegun: 'number' },
  call_reopened: { rollout: 'text', call: 'text' },
  records_missing: { why: 'text or null' },
  call_refused: { rollout: 'text', cause: 'text' },
  attempt_failed: { rollout: 'text', call: 'text or null', step: 'text', code: 'text', message: 'text' },
  kill_intended: { handle: 'object', rollout: 'text or null', reason: 'text' },
  file_uploaded: { rollout: 'text', path: 'text', sha256: 'text', bytes: 'number' },
  rollout_displaced: { rollout: 'text', cause: 'text', evidence: 'object' },
  recovery_ended: {
    rollout: 'text',
    how: 'text',
    calls: 'number',
    durationMs: 'number',
    detail: 'text or null',
  },
  rollout_lost: { rollout: 'text', cause: 'text', evidence: 'object' },
  rollout_ended: { rollout: 'text', how: 'text', verdict: 'text', reasons: 'list', counts: 'object' },
  graded: {
    rollout: 'text',
    job: 'text or null',
    row: 'text',
    verdict: 'text',
    reasons: 'list',
    ending: 'text',
    score: 'number or null',
    tries: 'number',
    durationMs: 'number',
  },
  rejudged: { rollout: 'text', call: 'text or null', outcome: 'object', was: 'object', rules: 'number' },
} satisfies { [Type in EventType]: RequiredFields<EventFields[Type]> };

export const EVENT_TYPES = Object.keys(required) as readonly EventType[];

/** A line of another version of faultline. */
export class UnknownEventType extends SyntaxError {
  override readonly name = 'UnknownEventType';
}

/** @throws SyntaxError that says why the line is not a complete event. */
export function parseEvent(line: string): JournalEvent {
  const value = parseObject(line);
  const { type, at } = value;
  if (typeof type !== 'string') throw new SyntaxError('unknown event type');
  if (!Object.hasOwn(required, type)) throw new UnknownEventType('unknown event type');
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at)))
    throw new SyntaxError(`${type}: "at" is not a time`);
  for (const [field, kind] of Object.entries(required[type as EventType])) {
    if (!isKind(value[field], kind)) throw new SyntaxError(`${type}: "${field}" is not ${kind}`);
  }
  return value as unknown as JournalEvent;
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (isKind(value, 'object')) return value as Record<string, unknown>;
  } catch (error) {
    throw new SyntaxError(`not JSON: ${errorMessage(error)}`, { cause: error });
  }
  throw new SyntaxError('not a JSON object');
}

function isKind(value: unknown, kind: FieldKind): boolean {
  if (kind === 'any') return true;
  if (kind === 'list') return Array.isArray(value);
  if (value === null) return kind.endsWith('or null');
  if (kind.startsWith('text')) return typeof value === 'string';
  if (kind.startsWith('number')) return typeof value === 'number';
  return typeof value === 'object' && !Array.isArray(value);
}
