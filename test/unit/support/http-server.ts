import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RemovalQueue } from '../../../src/admission/removal-queue.ts';
import { StartQueue } from '../../../src/admission/start-queue.ts';
import { buildApp } from '../../../src/app.ts';
import type { App, FileTransfer } from '../../../src/http/parts.ts';
import { FileJournal } from '../../../src/journal/file-journal.ts';
import { systemClock as clock } from '../../../src/kernel/clock.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import { Rollouts } from '../../../src/rollouts/registry.ts';
import { Sandboxes } from '../../../src/rollouts/sandboxes.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { ToolCalls } from '../../../src/tools/call.ts';
import { FakeEngine } from './fake-engine.ts';

export const TOKEN = 'a-token-for-tests';

export interface TestServer extends AsyncDisposable {
  readonly app: App;
  readonly engine: FakeEngine;
  readonly rollouts: Rollouts;
  readonly journal: FileJournal;
  readonly calls: ToolCalls;
  /** What the application logged, messages and fields. */
  readonly logged: Readonly<Record<string, unknown>>[];
}

const noTransfer: FileTransfer = {
  upload: () => Promise.resolve({ problem: 'no files here', status: 404 }),
  download: () => Promise.resolve({ problem: 'no files here', status: 404 }),
};

/** The whole controller but for the engine, with the project's own tasks, and nothing that listens. */
export async function testServer(transfer: FileTransfer = noTransfer): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-http-'));
  const logged: Record<string, unknown>[] = [];
  const note = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    logged.push({ ...fields, message });
  };
  const log = { info: note, warn: note, error: note };
  const engine = new FakeEngine();
  const journal = await FileJournal.open({ dataDir, clock });
  const catalog = loadCatalog({
    policiesDir: 'policies',
    imagesDir: 'images',
    taskFile: 'policies/tasks.yaml',
  });
  const rollouts = new Rollouts({ catalog, journal, clock });
  const supply = new StartQueue({ engine, clock, concurrency: 4 });
  const removals = new RemovalQueue({ engine, clock, log });
  const sandboxes = new Sandboxes({ supply, removals, engine, journal, clock });
  const metrics = new Metrics();
  metrics.watch({
    rollouts: () => rollouts.all(),
    starts: () => supply.load,
    removals: () => removals.load,
    journalSkippedLines: () => journal.skippedLines,
  });
  const calls = new ToolCalls({
    rollouts,
    sandboxes,
    journal,
    clock,
    onFinished: (_rollout, record) => {
      metrics.callFinished(record);
    },
  });
  const app = await buildApp({
    token: TOKEN,
    catalog,
    rollouts,
    sandboxes,
    calls,
    transfer,
    engine,
    journal,
    clock,
    metrics,
    log,
  });
  const dispose = async (): Promise<void> => {
    await app.close();
    await calls.idle();
    await journal[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true });
  };
  return { app, engine, rollouts, journal, calls, logged, [Symbol.asyncDispose]: dispose };
}
