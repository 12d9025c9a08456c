import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { GraderGate } from '../grading/gate.ts';
import type { Admission } from '../admission/admission.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CallId, RolloutId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Catalog } from '../policy/schema.ts';
import type { ReportProcess } from '../report/report-process.ts';
import type { Opening, Rollouts } from '../rollouts/registry.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import type { SandboxEngine } from '../sandbox/sandbox.ts';
import type { Alarms } from '../telemetry/alarms.ts';
import type { History } from '../telemetry/recent-activity.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ToolCalls } from '../tools/call.ts';
import type { Transfers } from '../tools/transfer.ts';

/** An application whose route schemas are zod's. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** A request in another project's form. */
export interface ForeignCall {
  readonly body: unknown;
  readonly opening: Opening;
  readonly callId: CallId | null;
  readonly gone: AbortSignal;
}

export interface ForeignReply {
  readonly status: number;
  readonly body: unknown;
}

/** Other projects' endpoints over our calls. */
export interface Adapters {
  /** @param options `once`: the rollout was made for this request and ends with it. */
  runCode(call: ForeignCall, options: { readonly once: boolean }): Promise<ForeignReply>;
  readonly sweRex: ReadonlyMap<string, (call: ForeignCall) => Promise<ForeignReply>>;
}

/** One client's session, which plays in one rollout. Several may play in the same, one after the other. */
export interface McpSession {
  readonly rollout: RolloutId;
  /** Tells sessions of a rollout apart: each counts its messages anew. */
  readonly key: string;
}

/** The tools of one rollout over the Model Context Protocol. Answers on the raw response; nothing of HTTP comes after. */
export interface McpEndpoint {
  handle(exchange: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    /** The JSON-RPC message, parsed. */
    readonly body: unknown;
    readonly opening: Opening;
    /** Null where the request belongs to none. */
    readonly session: McpSession | null;
    readonly gone: AbortSignal;
  }): Promise<void>;
}

/** The files of the web page. */
export interface Page {
  readonly contentSecurityPolicy: string;
  /** By the path of its URL. Null where there is no such file. */
  get(path: string): Promise<{
    readonly type: string;
    readonly bytes: Buffer;
    readonly gzipped: Buffer;
    readonly tag: string;
  } | null>;
}

/** What the routes call. */
export interface HttpParts {
  readonly token: string;
  readonly catalog: Catalog;
  /** Puts the configuration in force that the files hold now. @throws ConfigurationError; then nothing has changed. */
  readonly reload: () => Promise<void>;
  readonly rollouts: Rollouts;
  readonly sandboxes: Sandboxes;
  readonly calls: ToolCalls;
  readonly admission: Admission;
  readonly transfer: Transfers;
  /** Null where no grader is configured. */
  readonly gate: GraderGate | null;
  readonly mcp: McpEndpoint;
  readonly adapters: Adapters;
  readonly engine: SandboxEngine;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly history: History;
  readonly alarms: Alarms;
  readonly reports: ReportProcess;
  readonly page: Page;
  readonly log: Log;
}
