import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isDeeperThan, jsonText, MAX_LEVELS } from '../kernel/json-text.ts';
import { UnreadValue } from '../kernel/unread-value.ts';
import type { Tool } from './tool.ts';

/** A call's arguments, read once. */
export interface GivenArguments {
  /** As the model gave them: any JSON value, or one as a string. */
  readonly given: unknown;
  readonly value: unknown;
  /** Why there is no value, for the model; completes "the arguments are …". Null where there is one. */
  readonly problem: string | null;
}

export type ParsedArguments =
  | { readonly ok: true; readonly input: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: string };

export function readArguments(given: unknown): GivenArguments {
  if (given instanceof UnreadValue) return { given, value: undefined, problem: given.problem };
  const value = decode(given);
  const problem = value === undefined ? 'not valid JSON' : null;
  return { given, value, problem };
}

/**
 * The arguments for the journal, which can't hold half of a surrogate pair. In a path it stands for a byte that is not UTF-8,
 * and a replay needs the same one, so that such arguments are kept as JSON text, in which it is an escape.
 */
export function recordedArguments({ given, value }: GivenArguments): unknown {
  const text = jsonText(value);
  return text.includes('\\ud') ? text : given;
}

/** The model's arguments, checked against the tool's schema. A problem is shown to the model. */
export function parseArguments(tool: Tool, { value, problem }: GivenArguments): ParsedArguments {
  if (problem !== null) return { ok: false, problem: `${tool.name}: the arguments are ${problem}` };
  if (isDeeperThan(value, MAX_LEVELS)) {
    const deep = `${tool.name}: the arguments are nested more than ${String(MAX_LEVELS)} levels deep`;
    return { ok: false, problem: deep };
  }
  const parsed = tool.parameters.safeParse(value);
  if (parsed.success) return { ok: true, input: parsed.data };
  return { ok: false, problem: `${tool.name}: invalid arguments\n${z.prettifyError(parsed.error)}` };
}

function decode(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given) as unknown;
  } catch {
    return undefined;
  }
}

/** SHA-256 (hex) of tool and arguments. Object keys are sorted, so the digest does not depend on the JSON's formatting. */
export function argumentsDigest(tool: string, { given, value }: GivenArguments): string {
  const text = given instanceof UnreadValue ? `unread ${given.sha256}` : jsonText(value ?? given, 'sorted');
  return createHash('sha256')
    .update(`[${JSON.stringify(tool)},${text}]`)
    .digest('hex');
}
