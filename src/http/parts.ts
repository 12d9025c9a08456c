import type { Readable } from 'node:stream';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { RolloutId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Catalog } from '../policy/schema.ts';
import type { Opening, Rollouts } from '../rollouts/registry.ts';
import type { Sandboxes } from '../rollouts/sandboxes.ts';
import type { SandboxEngine } from '../sandbox/sandbox.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ToolCalls } from '../tools/call.ts';

/** An application whose route schemas are zod's. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Moves files in and out of a rollout's sandbox. A `problem` is for the caller to read: the path, the file, the rollout's state. */
export interface FileTransfer {
  /** Reads the body to its end unless it returns or throws first; what the body throws comes through. */
  upload(
    opening: Opening,
    path: string,
    body: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly bytes: number; readonly sha256: string } | { readonly problem: string }>;
  download(id: RolloutId, path: string): Promise<{ readonly body: Readable } | { readonly problem: string }>;
}

/** What the routes call. */
export interface HttpParts {
  readonly token: string;
  readonly catalog: Catalog;
  readonly rollouts: Rollouts;
  readonly sandboxes: Sandboxes;
  readonly calls: ToolCalls;
  readonly files: FileTransfer;
  readonly engine: SandboxEngine;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}
