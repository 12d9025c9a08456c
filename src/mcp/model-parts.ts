/** What the model wrote of a `tools/call` message. */
export interface ModelParts {
  readonly tool: unknown;
  readonly arguments: unknown;
}

type MessageId = string | number;

/**
 * Takes tool names and arguments out of a JSON-RPC message, or a list of them. The SDK's schemas refuse a name that is no
 * text and arguments that are no object, and then the call would not be recorded.
 */
export function takeModelParts(body: unknown): { body: unknown; parts: ReadonlyMap<MessageId, ModelParts> } {
  const parts = new Map<MessageId, ModelParts>();
  const take = (message: unknown): unknown => {
    if (!isCall(message)) return message;
    const { name, arguments: given, ...params } = message.params;
    parts.set(message.id, { tool: name, arguments: given ?? {} });
    return { ...message, params: { ...params, name: '', arguments: {} } };
  };
  return { body: Array.isArray(body) ? body.map(take) : take(body), parts };
}

interface CallMessage {
  readonly id: MessageId;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A message without a name is the client's mistake: the SDK refuses it. */
function isCall(message: unknown): message is CallMessage {
  if (typeof message !== 'object' || message === null) return false;
  const { id, method, params } = message as Record<string, unknown>;
  if (method !== 'tools/call' || (typeof id !== 'string' && typeof id !== 'number')) return false;
  return typeof params === 'object' && params !== null && 'name' in params;
}
