import { UnreadValue } from '../kernel/unread-value.ts';
import type { Task } from '../policy/schema.ts';
import { toolbox } from './toolbox.ts';

/** Longest name of a tool in UTF-16 units that is recorded; configured names are shorter. */
const MAX_LENGTH = 128;

/** Control, format and private characters, and halves of surrogate pairs: they would break terminals and lines of text. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * The tool's name as it is recorded and shown. A model may write any JSON value as a name; the names of configured tools
 * stay as they are.
 */
export function recordedName(given: unknown): string {
  const text = typeof given === 'string' ? given : `(${typeName(given)})`;
  const whole = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text;
  return whole.replace(UNPRINTABLE, '\ufffd');
}

function typeName(value: unknown): string {
  if (value instanceof UnreadValue) return `name that is ${value.problem}`;
  const type = value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value;
  return `${type} instead of a name`;
}

/** The name as a metric's label: one of the task's tools, else `unknown`. */
export function toolLabel(task: Task, name: string): string {
  return toolbox(task).has(name) ? name : 'unknown';
}
