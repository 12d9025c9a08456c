import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Tool } from './tool.ts';

export type ParsedArguments =
  | { readonly ok: true; readonly input: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: string };

/** The model's arguments, as a JSON string or an object, checked against the tool's schema. A problem is shown to the model. */
export function parseArguments(tool: Tool, given: unknown): ParsedArguments {
  const value = decode(given);
  if (value === undefined) return { ok: false, problem: `${tool.name}: the arguments are not valid JSON` };
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
  return createHash('sha256')
    .update(JSON.stringify([tool, canonical(value)]))
    .digest('hex');
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, canonical(inner)]));
}
