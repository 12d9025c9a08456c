import { errorMessage } from '../kernel/errors.ts';
import { UnreadValue } from '../kernel/unread-value.ts';
import type { CutValue, ModelValue } from './body-splitter.ts';

const MIB = 2 ** 20;
/** Longest arguments of a call. */
const ARGUMENTS_BYTES = MIB;
/** Longest dataset row that can select a task. */
const ITEM_BYTES = 16 * MIB;
/** Longest sample that is graded. It holds the rollout's messages, so it is much longer than a call. */
const SAMPLE_BYTES = 64 * MIB;
/** Nesting beyond this is not parsed: each level takes about 60 bytes of memory for one of text. */
const PARSED_LEVELS = 100_000;

/** Names of tools. A longer one, or one that is not UTF-8, is as unknown as any that is not configured. */
const NAME_BYTES = 2 ** 16;

const item: ModelValue = { path: ['item'], maxBytes: ITEM_BYTES, nanIsNull: true };

/** Of requests that open a rollout. */
export const openingValues: readonly ModelValue[] = [item];

/** Of tool calls, in both forms. */
export const callValues: readonly ModelValue[] = [
  { path: ['arguments'], maxBytes: ARGUMENTS_BYTES },
  { path: ['name'], maxBytes: NAME_BYTES },
  { path: ['tool'], maxBytes: NAME_BYTES },
  item,
];

/** Of JSON-RPC messages, one or a list of them. */
export const rpcValues: readonly ModelValue[] = [
  { path: ['params', 'arguments'], maxBytes: ARGUMENTS_BYTES },
  { path: ['*', 'params', 'arguments'], maxBytes: ARGUMENTS_BYTES },
  { path: ['params', 'name'], maxBytes: NAME_BYTES },
  { path: ['*', 'params', 'name'], maxBytes: NAME_BYTES },
];

/** Of requests for a grade. */
export const gradeValues: readonly ModelValue[] = [
  { path: ['sample'], maxBytes: SAMPLE_BYTES, nanIsNull: true },
  item,
];

/** Of requests in other projects' forms, by field. */
export const foreignValues = (maxBytes: number): readonly ModelValue[] =>
  ['code', 'stdin', 'files', 'command', 'content', 'path'].map((field) => ({ path: [field], maxBytes }));

const strict = new TextDecoder('utf-8', { fatal: true });

/** Without a byte order mark. @throws TypeError where the bytes are not UTF-8. */
export function utf8(bytes: Uint8Array): string {
  return strict.decode(bytes);
}

/** The value that the model wrote, or why there is none. */
export function modelValue({ wanted, text, bytes, sha256, levels }: CutValue): unknown {
  const unread = (problem: string): UnreadValue => new UnreadValue(problem, sha256);
  if (text === null)
    return unread(`${String(bytes)} bytes long; at most ${String(wanted.maxBytes)} are read`);
  if (levels > PARSED_LEVELS) return unread(`nested more than ${String(PARSED_LEVELS)} levels deep`);
  try {
    const json = utf8(text);
    return JSON.parse(wanted.nanIsNull === true ? withoutNan(json) : json);
  } catch (error) {
    if (error instanceof TypeError) return unread('not valid UTF-8');
    return unread(`not valid JSON: ${errorMessage(error)}`);
  }
}

/** The text with null for each NaN and Infinity that stands outside of strings. */
function withoutNan(json: string): string {
  let text = '';
  let done = 0;
  for (const { index, 0: found } of json.matchAll(/"|-?(?:NaN|Infinity)/g)) {
    if (index < done) continue;
    const isString = found === '"';
    const end = isString ? endOfString(json, index) : index + found.length;
    text += json.slice(done, index) + (isString ? json.slice(index, end) : 'null');
    done = end;
  }
  return text + json.slice(done);
}

function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at += 1) {
    if (json[at] === '\\') at += 1;
    else if (json[at] === '"') return at + 1;
  }
  return json.length;
}
