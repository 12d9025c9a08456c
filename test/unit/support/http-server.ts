import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { admissionSources, openAdmission } from '../../../src/admission/admission.ts';
import { liveCap } from '../../../src/admission/live-cap.ts';
import { buildApp } from '../../../src/app.ts';
import { adaptersOf } from '../../../src/adapters/adapters.ts';
import type { GateParts, GraderGate } from '../../../src/grading/gate.ts';
import type { App } from '../../../src/http/parts.ts';
import { Blobs } from '../../../src/journal/blobs.ts';
import { FileJournal } from '../../../src/journal/file-journal.ts';
import { systemClock as clock } from '../../../src/kernel/clock.ts';
import { McpEndpoint } from '../../../src/mcp/endpoint.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import type { Catalog, Policy } from '../../../src/policy/schema.ts';
import { ReportProcess } from '../../../src/report/report-process.ts';
import { Rollouts } from '../../../src/rollouts/registry.ts';
import { Recovery } from '../../../src/rollouts/recovery.ts';
import { Replay } from '../../../src/rollouts/replay.ts';
import { restore } from '../../../src/rollouts/restore.ts';
import { specOf } from '../../../src/rollouts/sandbox-spec.ts';
import { openSandboxes } from '../../../src/rollouts/sandboxes.ts';
import { Alarms } from '../../../src/telemetry/alarms.ts';
import { RecentActivity } from '../../../src/telemetry/recent-activity.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { TokenBudget } from '../../../src/tokens/token-budget.ts';
import { ToolCalls } from '../../../src/tools/call.ts';
import { rerunCall } from '../../../src/tools/prepared-call.ts';
import type { SandboxHandle } from '../../../src/sandbox/sandbox.ts';
import type { Transfers } from '../../../src/tools/transfer.ts';
import { PageFiles } from '../../../src/web/page-files.ts';
import { FakeEngine, type Script } from './fake-engine.ts';
import { noImages } from './no-images.ts';
import { rejudgedOtherwise } from './rejudged.ts';

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

const noTransfer: Transfers = {
  upload: () => Promise.resolve({ problem: 'no files here', status: 404 }),
  download: () => Promise.resolve({ problem: 'no files here', status: 404 }),
};

export interface TestOptions {
  readonly transfer?: Transfers;
  /** Instead of the project's own tasks. */
  readonly catalog?: Catalog;
  /** What the default task's policy has otherwise than the project's own. */
  readonly policy?: Partial<Policy>;
  /** What an earlier server left: it is restored. */
  readonly past?: Past;
  /** What a call does in the fake engine. */
  readonly script?: Script;
  /** The gate before a grader; without it none is configured. */
  readonly gate?: (parts: Omit<GateParts, 'grader' | 'excluded' | 'recovered' | 'pendingMs'>) => GraderGate;
}

export interface Past {
  /** Holds `journal` and `blobs`; it is copied. */
  readonly dataDir: string;
  readonly sandboxes: readonly SandboxHandle[];
}

/** The whole controller but for the engine, with the project's own tasks, and nothing that listens. */
export async function testServer(options: TestOptions = {}): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-http-'));
  const logged: Record<string, unknown>[] = [];
  const note = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    logged.push({ ...fields, message });
  };
  const log = { info: note, warn: note, error: note };
  const engine = new FakeEngine();
  if (options.script !== undefined) engine.script = options.script;
  for (const part of ['journal', 'blobs'])
    if (options.past !== undefined)
      cpSync(join(options.past.dataDir, part), join(dataDir, part), { recursive: true });
  const journal = await FileJournal.open({ dataDir, clock });
  const catalog = testCatalog(options);
  for (const handle of options.past?.sandboxes ?? []) engine.hold(handle, specOf(catalog.defaultTask));
  const rollouts = new Rollouts({ catalog, journal, clock });
  const host = {
    memoryAvailableBytes: 2 ** 35,
    pidMax: 2 ** 22,
    descriptorLimit: 2 ** 20,
    inotifyInstances: 8192,
  };
  const admission = openAdmission({
    engine,
    images: noImages,
    clock,
    log,
    startsAtOnce: 4,
    cap: liveCap(host),
  });
  const { removals, pool: supply } = admission;
  const replay = new Replay({ journal, blobs: await Blobs.at(dataDir), rerunCall });
  const recovery = new Recovery({ engine, removals, retries: admission.retries, replay, journal, clock });
  const sandboxes = openSandboxes({ supply, removals, engine, recovery, journal, clock });
  const metrics = new Metrics();
  const activity = new RecentActivity({
    clock,
    gauges: () => ({ waiting: 0, starting: 0, live: 0, warm: 0 }),
  });
  const alarms = new Alarms({
    engineAnswers: () => admission.breaker.state === 'closed',
    callsWithin: (seconds) => activity.callsWithin(seconds),
  });
  metrics.watch({
    rollouts: () => rollouts.all(),
    ...admissionSources(admission),
    journalSkippedLines: () => journal.skippedLines,
    alarms: () => alarms.states(),
  });
  const tokens = new TokenBudget({ clock });
  const calls = new ToolCalls({
    rollouts,
    sandboxes,
    journal,
    clock,
    tokens,
    onFinished: (rollout, call, ending) => {
      metrics.callFinished({ tool: call.tool, ...ending });
      const first = rollout.calls.values().next().value === call;
      if (first) admission.bursts.firstAnswer(ending.durationMs, ending.status !== 503);
    },
  });
  if (options.past !== undefined) {
    const parts = { catalog, journal, engine, rollouts, sandboxes, removals, clock, log };
    for (const { rollout, call, arguments: given } of await restore(parts))
      void calls.continueCall(rollout, call, given);
  }
  const gate = options.gate?.({ rollouts, sandboxes, calls, journal, clock }) ?? null;
  const app = await buildApp({
    token: TOKEN,
    gate,
    mcp: new McpEndpoint({ catalog, rollouts, calls, version: '0' }),
    adapters: adaptersOf({ rollouts, sandboxes, calls, transfer: options.transfer ?? noTransfer }),
    catalog,
    reload: () => Promise.resolve(),
    rollouts,
    sandboxes,
    calls,
    admission,
    transfer: options.transfer ?? noTransfer,
    engine,
    journal,
    clock,
    metrics,
    activity,
    alarms,
    reports: new ReportProcess(dataDir),
    page: new PageFiles(),
    log,
  });
  const dispose = async (): Promise<void> => {
    await app.close();
    await calls.idle();
    await tokens[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
    const otherwise = await rejudgedOtherwise(dataDir);
    rmSync(dataDir, { recursive: true });
    if (otherwise !== null) throw otherwise;
  };
  return { app, engine, rollouts, journal, calls, logged, [Symbol.asyncDispose]: dispose };
}

function testCatalog({ catalog: given, policy = {} }: TestOptions): Catalog {
  const files = { policiesDir: 'policies', imagesDir: 'images', taskFile: 'policies/tasks.yaml' };
  const catalog = given ?? loadCatalog(files);
  const { defaultTask } = catalog;
  const task = { ...defaultTask, policy: { ...defaultTask.policy, ...policy } };
  return { ...catalog, defaultTask: task, tasks: new Map(catalog.tasks).set(task.name, task) };
}

/** A request with the right token. */
export function authorized(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { authorization: `Bearer ${TOKEN}`, ...headers };
}
