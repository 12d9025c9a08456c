/** Branded identifiers and their parsers. A plain string is not assignable to them. */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** The platform's rollout id (`trace_id`, or `X-Rollout-Id`). */
export type RolloutId = Branded<'RolloutId'>;
/** The caller's id of one tool call; with the rollout id it is the idempotency key. */
export type CallId = Branded<'CallId'>;
/** A task's name in the task file. */
export type TaskName = Branded<'TaskName'>;
/** The job that a rollout belongs to, for fairness and reports: `X-Job-Id`, else the task. */
export type JobId = Branded<'JobId'>;

/**
 * What one rollout is known by: its id within the job that its requests name. The rollouts of requests without a job are
 * known by their ids alone, apart from those of every job.
 */
export type RolloutKey = RolloutId | Branded<'RolloutKey'>;

/** Longest accepted id, in UTF-16 code units. */
export const MAX_ID_LENGTH = 256;

const CONTROL_CHARACTERS = /\p{Cc}/u;

/** Why a string is not a valid id, or null. Ids appear in logs and URL paths, so they have no control characters. */
export function idProblem(text: string): string | null {
  if (text.length === 0) return 'is empty';
  if (text.length > MAX_ID_LENGTH) return `is longer than ${String(MAX_ID_LENGTH)} characters`;
  if (CONTROL_CHARACTERS.test(text)) return 'contains a control character';
  if (!text.isWellFormed()) return 'contains half of a surrogate pair';
  return null;
}

/** Why a string is not an id for a new rollout, or null. Clients take `.` and `..` out of the path of a URL. */
export function rolloutIdProblem(text: string): string | null {
  return text === '.' || text === '..' ? `is "${text}", which no URL can name` : idProblem(text);
}

function parse<Name extends string>(name: Name, text: string): Branded<Name> {
  const problem = idProblem(text);
  if (problem !== null) throw new RangeError(`${name} ${problem}`);
  return text as Branded<Name>;
}

/** Ids contain no control characters, so a newline can't be part of either. */
export function rolloutKey(id: string, namedJob?: string | null): RolloutKey {
  return (namedJob === undefined || namedJob === null ? id : `${namedJob}\n${id}`) as RolloutKey;
}

/** This parser and the others below: @throws RangeError that names the id and the problem. */
export const rolloutId = (text: string): RolloutId => parse('RolloutId', text);
export const callId = (text: string): CallId => parse('CallId', text);
export const taskName = (text: string): TaskName => parse('TaskName', text);
export const jobId = (text: string): JobId => parse('JobId', text);
