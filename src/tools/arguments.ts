import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isDeeperThan, jsonText } from '../kernel/json-text.ts';
import type { Tool } from './tool.ts';

/** Levels of lists and objects in a call's arguments. Deeper values would overflow the stack of readers that recurse. */
const MAX_LEVELS = 200;

export type ParsedArguments =
  | { readonly ok: true; readonly input: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: string };

/** The model's arguments, any JSON value or one as a string, checked against the tool's schema. A problem is shown to the model. */
export function parseArguments(tool: Tool, given: unknown): ParsedArguments {
  const value = decode(given);
  if (value === undefined) return { ok: false, problem: `${tool.name}: the arguments are not valid JSON` };
  if (isDeeperThan(value, MAX_LEVELS)) {
    const problem = `${tool.name}: the arguments are nested more than ${String(MAX_LEVELS)} levels deep`;
    return { ok: false, problem };
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
export function argumentsDigest(tool: string, given: unknown): string {
  const value = decode(given) ?? given;
  const text = `[${JSON.stringify(tool)},${jsonText(value, 'sorted')}]`;
  return createHash('sha256').update(text).digest('hex');
}
