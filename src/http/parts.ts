import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Adapters } from '../adapters/adapters.ts';
import type { GraderGate } from '../grading/gate.ts';
import type { Admission } from '../admission/admission.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { McpEndpoint } from '../mcp/endpoint.ts';
import type { Catalog } from '../policy/schema.ts';
import type { ReportProcess } from '../report/report-process.ts';
import type { Rollouts } from '../rollouts/registry.ts';
import type { VerdictIndex } from '../rollouts/verdict-index.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import type { SandboxEngine } from '../sandbox/sandbox.ts';
import type { Alarms } from '../telemetry/alarms.ts';
import type { RecentActivity } from '../telemetry/recent-activity.ts';
import type { RecentGradings } from '../telemetry/recent-gradings.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ToolCalls } from '../tools/call.ts';
import type { Transfers } from '../tools/transfer.ts';

/** A Fastify application whose route schemas are zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** The files of the web page. */
export interface Page {
  readonly contentSecurityPolicy: string;
  /** The file at this URL path; null where there is none. */
  get(path: string): Promise<{
    readonly type: string;
    readonly bytes: Buffer;
    readonly gzipped: Buffer;
    readonly tag: string;
  } | null>;
}

/** The parts that the routes use. */
export interface HttpParts {
  readonly token: string;
  readonly catalog: Catalog;
  /** Reads the configuration files again and puts them in force. @throws ConfigurationError; then nothing has changed. */
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
  readonly activity: RecentActivity;
  readonly gradings: RecentGradings;
  readonly index: Pick<VerdictIndex, 'status'>;
  readonly alarms: Alarms;
  readonly reports: ReportProcess;
  readonly page: Page;
  readonly log: Log;
}
