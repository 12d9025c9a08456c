import type { IncomingMessage, ServerResponse } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError,
  type CallToolResult, type ListToolsResult,
} from '@modelcontextprotocol/sdk/types.js'; // prettier-ignore
import { errorMessage } from '../kernel/errors.ts';
import { callId, idProblem, type CallId, type RolloutId } from '../kernel/ids.ts';
import { chooseTask } from '../policy/match.ts';
import type { Catalog } from '../policy/schema.ts';
import { JobNotNamed, OtherTask, UnknownTask, type Opening, type Rollouts } from '../rollouts/registry.ts';
import {
  ConflictingRepeat,
  type CallAnswer,
  type CallRequest,
  type Requester,
} from '../tools/call-answer.ts';
import type { ToolCalls } from '../tools/call.ts';
import { definitionsOf } from '../tools/definition.ts';
import { takeModelParts, type ModelParts } from './model-parts.ts';

/** JSON-RPC error code of a call without a result for the model. From the range that the specification leaves to servers. */
export const UNAVAILABLE = -32_050;

export interface McpParts {
  readonly catalog: Catalog;
  readonly rollouts: Pick<Rollouts, 'get'>;
  readonly calls: Pick<ToolCalls, 'runCall'>;
  readonly version: string;
}

/** One client's session. It belongs to one rollout; a rollout may have several sessions. */
export interface McpSession {
  readonly rollout: RolloutId;
  /** Distinguishes the sessions of a rollout, because each counts its messages from the start. */
  readonly key: string;
}

export interface McpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The JSON-RPC message, parsed. */
  readonly body: unknown;
  readonly opening: Opening;
  /** Null where the request belongs to no session. */
  readonly session: McpSession | null;
  readonly requester: Requester;
}

interface Served extends Pick<McpExchange, 'opening' | 'session' | 'requester'> {
  readonly parts: ReadonlyMap<string | number, ModelParts>;
}

/**
 * A rollout's tools over the Model Context Protocol. Each request gets an SDK server of its own, which is closed when the
 * answer is sent; the session id links the requests of a session.
 */
export class McpEndpoint {
  readonly #parts: McpParts;

  constructor(parts: McpParts) {
    this.#parts = parts;
  }

  /** Answers on the raw response; nothing else may be written to it. */
  async handle({ request, response, body, ...exchange }: McpExchange): Promise<void> {
    const taken = takeModelParts(body);
    const server = this.#serverFor({ ...exchange, parts: taken.parts });
    const transport = new StreamableHTTPServerTransport();
    response.once('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response, taken.body);
  }

  #serverFor({ opening, session, requester, parts }: Served): McpServer {
    const server = new McpServer(
      { name: 'faultline', version: this.#parts.version },
      { capabilities: { tools: {} } },
    );
    server.server.setRequestHandler(ListToolsRequestSchema, () => this.#list(opening));
    server.server.setRequestHandler(CallToolRequestSchema, (_message, { requestId }) => {
      const written = parts.get(requestId);
      if (written === undefined) throw new McpError(ErrorCode.InvalidParams, 'params.name: missing');
      const id = session === null ? null : callIdOf(session.key, requestId);
      return this.#call({ opening, requester, callId: id, ...written });
    });
    return server;
  }

  #list(opening: Opening): ListToolsResult {
    const task =
      this.#parts.rollouts.get(opening.id, opening.job)?.task ?? chooseTask(this.#parts.catalog, opening);
    if ('problem' in task) throw new McpError(ErrorCode.InvalidParams, task.problem);
    return {
      tools: definitionsOf(task).map(({ name, description, parameters, readOnly }) => ({
        name,
        description,
        inputSchema: { type: 'object', ...parameters },
        annotations: { readOnlyHint: readOnly },
      })),
    };
  }

  async #call(request: CallRequest): Promise<CallToolResult> {
    try {
      return toolResult(await this.#parts.calls.runCall(request));
    } catch (error) {
      if (callersFaults.some((fault) => error instanceof fault))
        throw new McpError(ErrorCode.InvalidParams, errorMessage(error));
      throw error;
    }
  }
}

const callersFaults = [UnknownTask, OtherTask, JobNotNamed, ConflictingRepeat] as const;

/** The call id of a message. A message id is unique within its session, so a repeated message joins its call. */
function callIdOf(sessionKey: string, requestId: string | number): CallId {
  const text = `mcp-${sessionKey}-${String(requestId)}`;
  const problem = idProblem(text);
  if (problem !== null) throw new McpError(ErrorCode.InvalidRequest, `message id ${problem}`);
  return callId(text);
}

/** A failure that isn't the model's is a JSON-RPC error, with the same constant text as over HTTP. */
function toolResult({ status, output, outcome, retryAfterMs }: CallAnswer): CallToolResult {
  if (status !== 200)
    throw new McpError(UNAVAILABLE, output, { status, ...(retryAfterMs !== undefined && { retryAfterMs }) });
  return { content: [{ type: 'text', text: output }], isError: outcome.attribution !== 'ok' };
}
