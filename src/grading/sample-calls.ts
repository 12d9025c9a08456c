import { isDeeperThan } from '../kernel/json-text.ts';

/** A tool call that the platform recorded in the sample in structured form. */
export interface SampleCall {
  readonly tool: string;
  /** The platform's id of the call; null where it gives none. */
  readonly callId: string | null;
}

/** The names of our tools. */
export type ToolNames = Pick<ReadonlySet<string>, 'has'>;

/** A call whose arguments are longer may have been above the platform's limit of a body, and then it isn't sent. */
const MAX_ARGUMENTS = 256 * 1024;
const MAX_LEVELS = 100;

/**
 * The sample's structured calls of these tools that a platform sends to us.
 *
 * Read are only the fields that the platform makes: `tool_calls` and `function_call` of the sample, of its choices and of its
 * assistant messages; `output_tools`; items of type `function_call` in `output`. A model writes text, so nothing inside a
 * `content`, an `output_text` or an `output_json` (the model's text, parsed) counts, whatever it looks like.
 *
 * The name and the arguments of such a call are still the model's choice. So a name that isn't ours proves nothing, and
 * neither do calls that a platform may not send: with arguments that aren't a JSON object, or very large or deep ones, and
 * those of an answer that was cut off.
 * What stands before the last message of a user is the prompt, which may show calls as examples.
 */
export function sampleCalls(sample: unknown, ours: ToolNames): SampleCall[] {
  const found = new Map<string, SampleCall>();
  for (const [nth, call] of structuredCalls(sample).entries()) {
    const named = namedCall(call);
    if (named === null || !ours.has(named.tool)) continue;
    found.set(named.callId ?? `without id ${String(nth)}`, named); // The same call may stand in two of the fields.
  }
  return withoutCopies([...found.values()]);
}

/** A field that gives no ids may repeat the calls of one that does. */
function withoutCopies(calls: readonly SampleCall[]): SampleCall[] {
  const identified = calls.filter(({ callId }) => callId !== null);
  return identified.length > 0 ? identified : [...calls];
}

type Fields = Readonly<Record<string, unknown>>;

function structuredCalls(sample: unknown): Fields[] {
  if (Array.isArray(sample)) return ofList(sample);
  if (!isFields(sample)) return [];
  if (wasCutOff(sample)) return [];
  const whole = listOf(sample['choices']).filter((choice) => !wasCutOff(choice));
  const choices = whole.map(({ message }) => message);
  return [
    ...ofMessage(sample),
    ...listOf(sample['output_tools']),
    ...choices.filter(isFields).flatMap(ofMessage),
    ...ofList(sample['output']),
    ...ofList(sample['messages']),
  ];
}

/** Messages, or output items, after the prompt. */
function ofList(list: unknown): Fields[] {
  const items = listOf(list);
  const own = items.slice(items.findLastIndex(({ role }) => role === 'user') + 1);
  return own.flatMap((item) => {
    if (wasCutOff(item)) return [];
    if (item['type'] === 'function_call') return [item];
    return item['role'] === 'assistant' ? ofMessage(item) : [];
  });
}

/** An answer that reached a limit, which a model can bring about; its last calls may not be sent. */
const wasCutOff = ({ finish_reason: reason, status }: Fields): boolean =>
  reason === 'length' || reason === 'content_filter' || status === 'incomplete';

function ofMessage(message: Fields): Fields[] {
  const { function_call: single } = message;
  return [...listOf(message['tool_calls']), ...(isFields(single) ? [single] : [])];
}

/** `{id, function: {name, arguments}}` of the chat API, or `{call_id, name, arguments}` of the responses API. */
function namedCall(call: Fields): SampleCall | null {
  const { name, arguments: given } = isFields(call['function']) ? call['function'] : call;
  if (typeof name !== 'string' || !isSent(given)) return null;
  const id = [call['call_id'], call['id']].find((value) => typeof value === 'string' && value !== '');
  return { tool: name, callId: (id as string | undefined) ?? null };
}

/** Whether every platform would send a call with these arguments. */
function isSent(given: unknown): boolean {
  const parsed = typeof given === 'string' ? parse(given) : given;
  if (!isFields(parsed) || isDeeperThan(parsed, MAX_LEVELS)) return false;
  return (typeof given === 'string' ? given : JSON.stringify(given)).length <= MAX_ARGUMENTS;
}

/** Null where it isn't JSON, which is the model's doing. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);
