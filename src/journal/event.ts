import { errorMessage } from '../kernel/errors.ts';
import type { SandboxHandle } from '../kernel/sandbox-handle.ts';
import type { Cause, CauseCode, Outcome } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import type { ToolResult } from '../outcome/result.ts';

/**
 * What the journal records: one JSON object per line. A reader must pass over fields it doesn't know, and a
 * writer never changes what a field means; a new meaning is a new field.
 */

/** Length and SHA-256 (hex) of a call's whole output streams, dropped bytes included; counted by sandboxd. */
export interface StreamDigests {
  readonly stdout: { readonly bytes: number; readonly sha256: string };
  readonly stderr: { readonly bytes: number; readonly sha256: string };
}

interface EventFields {
  controller_started: { readonly controller: string; readonly version: string; readonly pid: number };
  controller_stopped: { readonly controller: string };
  rollout_opened: {
    readonly rollout: string;
    readonly task: string;
    readonly image: string;
    readonly policy: string;
    readonly job: string;
    /** The dataset row, where the call brought one. */
    readonly item?: unknown;
  };
  /** Durable before the first frame: after a crash it says whose container this is. */
  sandbox_claimed: { readonly rollout: string; readonly handle: SandboxHandle; readonly attempt: number };
  /** Written before the frame that may start the command. */
  call_intended: {
    readonly rollout: string;
    readonly call: string;
    /** The call's number in its sandbox. */
    readonly number: number;
    /** Instance of the sandbox it goes to. */
    readonly sandbox: string;
    readonly tool: string;
    readonly arguments: unknown;
    readonly argumentsSha256: string;
  };
  /** Durable before the reply leaves; a repeated call is answered from it. */
  call_finished: {
    readonly rollout: string;
    readonly call: string;
    readonly tool: string;
    /** Null where the call never got one, because it never reached a sandbox. */
    readonly number: number | null;
    readonly argumentsSha256: string;
    readonly outcome: Outcome;
    /** What the outcome was judged from. */
    readonly evidence: Evidence;
    /** HTTP status of the reply. */
    readonly status: Cause['status'];
    /** The text the model saw. */
    readonly output: string;
    readonly result: ToolResult | null;
    readonly durationMs: number;
    /** How many sandboxes it took, where it was more than one. */
    readonly attempts?: number;
    /** Of the whole streams, for comparison with a replay. Absent where no tool ran. */
    readonly streams?: StreamDigests;
  };
  /** A call that had ended as `queue_wait` was sent again, and waits once more; its next ending takes the place of that one. */
  call_reopened: { readonly rollout: string; readonly call: string };
  /** A call that the caller got wrong, so that it never became one. The model saw an error that wasn't its own. */
  call_refused: { readonly rollout: string; readonly cause: CauseCode };
  /** A step that failed and may be tried again, unseen by the model. */
  attempt_failed: {
    readonly rollout: string;
    readonly call: string | null;
    readonly step: string;
    readonly code: string;
    readonly message: string;
  };
  /** Written before we end a sandbox ourselves, so that its death is never taken for the engine's doing. */
  kill_intended: { readonly handle: SandboxHandle; readonly rollout: string | null; readonly reason: string };
  /** The bytes are in the blob store under their digest. */
  file_uploaded: {
    readonly rollout: string;
    readonly path: string;
    readonly sha256: string;
    readonly bytes: number;
    /** The number in the sandbox of its last piece: its place among the calls. */
    readonly place?: number;
  };
  /** Its sandbox is gone and not by the model's doing; the next call rebuilds it by replay. Never twice in one sandbox. */
  rollout_displaced: { readonly rollout: string; readonly cause: CauseCode; readonly evidence: Evidence };
  /** How an attempt to rebuild a sandbox ended. After `replayed` a `sandbox_claimed` follows. */
  recovery_ended: {
    readonly rollout: string;
    readonly how: 'replayed' | 'mismatch' | 'over_budget' | 'not_fenced' | 'failed';
    /** Calls that were run again. */
    readonly calls: number;
    readonly durationMs: number;
    /** Where the first difference was, or why it failed; for operators. */
    readonly detail: string | null;
  };
  /** Its sandbox can't go on; the first cause sticks. */
  rollout_lost: { readonly rollout: string; readonly cause: CauseCode; readonly evidence: Evidence };
  rollout_ended: {
    readonly rollout: string;
    readonly how: 'deleted' | 'graded' | 'idle' | 'life' | 'stopped';
    readonly verdict: string;
    readonly reasons: readonly string[];
    readonly counts: Readonly<Record<string, number>>;
  };
  /** What came of one request to grade a rollout. Durable before the score leaves. */
  graded: {
    readonly rollout: string;
    /** Null where the rollout made no tool call and the request named no job. */
    readonly job: string | null;
    /** The dataset row: its id, else a digest of it. */
    readonly row: string;
    readonly verdict: string;
    readonly reasons: readonly string[];
    /** How it went: `scored`, `withheld` (an excluded rollout), or which fault of the grader. */
    readonly ending: string;
    /** Null where there is none. */
    readonly score: number | null;
    /** Requests made to the grader. */
    readonly tries: number;
    readonly durationMs: number;
  };
}

export type EventType = keyof EventFields;

/** What one line holds. `at` is wall-clock time in ISO 8601, UTC; for people and reports, never subtracted. */
export type JournalEvent = {
  [Type in EventType]: { readonly type: Type; readonly at: string } & EventFields[Type];
}[EventType];

export type EventOf<Type extends EventType> = Extract<JournalEvent, { type: Type }>;

/** An event as it is handed to the journal, which adds the time. */
export type NewEvent = { [Type in EventType]: { readonly type: Type } & EventFields[Type] }[EventType];

type FieldKind =
  'text' | 'number' | 'object' | 'list' | 'any' | 'text or null' | 'number or null' | 'object or null';

type Optional = 'item' | 'attempts' | 'streams' | 'place';

/** Of each event the fields it can't be without. */
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
  call_reopened: { rollout: 'text', call: 'text' },
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
} satisfies { [Type in EventType]: Record<Exclude<keyof EventFields[Type], Optional>, FieldKind> };

export const EVENT_TYPES = Object.keys(required) as readonly EventType[];

/** @throws SyntaxError where the line isn't a whole event of ours, saying why. */
export function parseEvent(line: string): JournalEvent {
  const value = parseObject(line);
  const { type, at } = value;
  if (typeof type !== 'string' || !Object.hasOwn(required, type)) throw new SyntaxError('unknown event type');
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at)))
    throw new SyntaxError(`${type}: "at" is no time`);
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
