import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
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
import type { Catalog, Policy, Task } from '../../../src/policy/schema.ts';
import { ReportProcess } from '../../../src/report/report-process.ts';
import { Rollouts } from '../../../src/rollouts/registry.ts';
import { VerdictIndex } from '../../../src/rollouts/verdict-index.ts';
import { Recovery } from '../../../src/rollouts/recovery.ts';
import { Replay } from '../../../src/rollouts/replay.ts';
import { restore } from '../../../src/rollouts/restore.ts';
import { specOf } from '../../../src/rollouts/sandbox-spec.ts';
import { openSandboxes } from '../../../src/rollouts/sandboxes.ts';
import { Alarms } from '../../../src/telemetry/alarms.ts';
import { RecentActivity } from '../../../src/telemetry/recent-activity.ts';
import { RecentGradings } from '../../../src/telemetry/recent-gradings.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { TokenBudget } from '../../../src/tokens/token-budget.ts';
import { ReusedIds } from '../../../src/telemetry/reused-ids.ts';
import { ToolCalls } from '../../../src/tools/call.ts';
import { toolLabel } from '../../../src/tools/tool-name.ts';
import { observeGradings, observeReusedIds } from '../../../src/wiring/telemetry.ts';
import { rerunCall } from '../../../src/tools/prepared-call.ts';
import type { SandboxHandle } from '../../../src/sandbox/sandbox.ts';
import type { Transfers } from '../../../src/tools/transfer.ts';
import { UnrecordedRuns } from '../../../src/tools/unrecorded-runs.ts';
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
  /** Where it keeps journal and uploads. */
  readonly dataDir: string;
  readonly calls: ToolCalls;
  readonly index: VerdictIndex;
  /** What the application logged, messages and fields. */
  readonly logged: Readonly<Record<string, unknown>>[];
}

const noTransfer: Transfers = {
  upload: () => Promise.resolve({ problem: 'no files here', status: 404 }),
  download: () => Promise.resolve({ problem: 'no files here', status: 404 }),
};

/** What a test's gate gets from the server. */
export type GivenGateParts = Omit<GateParts, 'grader' | 'excluded' | 'recovered' | 'unknown' | 'pendingMs'>;

export interface TestOptions {
  readonly transfer?: Transfers;
  /** Instead of the project's own tasks. */
  readonly catalog?: Catalog;
  /** What the default task's policy has otherwise than the project's own. */
  readonly policy?: Partial<Policy>;
  /** What the default task has otherwise than the project's own. */
  readonly task?: Partial<Task>;
  /** What an earlier server left: it is restored. */
  readonly past?: Past;
  /** The data folder, which stays after the server's end; absent: a new one, which is removed. */
  readonly keep?: string;
  /** False for a data folder that an earlier server used: what it left is restored. */
  readonly firstStart?: boolean;
  /** What a call does in the fake engine. */
  readonly script?: Script;
  /** The gate before a grader; without it none is configured. */
  readonly gate?: (parts: GivenGateParts) => GraderGate;
}

export interface Past {
  /** Holds `journal` and `blobs`; it is copied. */
  readonly dataDir: string;
  readonly sandboxes: readonly SandboxHandle[];
}

/** The whole controller but for the engine, with the project's own tasks, and nothing that listens. */
export async function testServer(options: TestOptions = {}): Promise<TestServer> {
  const dataDir = options.keep ?? mkdtempSync(join(tmpdir(), 'faultline-http-'));
  const logged: Record<string, unknown>[] = [];
  const note = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    logged.push({ ...fields, message });
  };
  const log = { info: note, warn: note, error: note };
  const engine = new FakeEngine();
  engine.script = options.script ?? engine.script;
  copyPast(options.past, dataDir);
  const journal = await FileJournal.open({ dataDir, clock });
  const { past, firstStart = past === undefined } = options;
  const index = VerdictIndex.open({
    dataDir,
    journal,
    firstStart,
    clock,
    log: { ...log, info: () => undefined },
  });
  await index.catchUp();
  const catalog = testCatalog(options);
  for (const handle of options.past?.sandboxes ?? []) engine.hold(handle, specOf(catalog.defaultTask));
  const rollouts = new Rollouts({ catalog, journal, index, clock });
  const host = {
    memoryAvailableBytes: 2 ** 35,
    pidMax: 2 ** 22,
    descriptorLimit: 2 ** 20,
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
  const reusedIds = new ReusedIds(clock);
  const gradings = new RecentGradings({ clock });
  const alarms = new Alarms({
    gradings: () => gradings.recent(),
    engineAnswers: () => admission.breaker.state === 'closed',
    callsWithin: (seconds) => activity.callsWithin(seconds),
    jobsReusingIds: () => reusedIds.jobs(),
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
      metrics.callFinished({ ...ending, tool: toolLabel(rollout.task, call.tool) });
      const first = rollout.calls.values().next().value === call;
      if (first) admission.bursts.firstAnswer(ending.durationMs, ending.status !== 503);
    },
    onReusedId: observeReusedIds({ metrics, reusedIds, log }),
  });
  if (!firstStart) {
    const parts = { catalog, journal, index, engine, rollouts, sandboxes, removals, clock, log };
    for (const { rollout, call, arguments: given } of await restore(parts))
      void calls.continueCall(rollout, call, given);
  }
  const onGraded = observeGradings({ metrics, gradings, log });
  const gate = options.gate?.({ catalog, rollouts, sandboxes, calls, journal, clock, onGraded }) ?? null;
  const transfer = options.transfer ?? noTransfer;
  const app = await buildApp({
    token: TOKEN,
    gate,
    mcp: new McpEndpoint({ catalog, rollouts, calls, version: '0' }),
    adapters: adaptersOf({
      ...{ rollouts, sandboxes, calls, transfer },
      unrecorded: new UnrecordedRuns({ sandboxes, clock }),
    }),
    catalog,
    reload: () => Promise.resolve(),
    rollouts,
    sandboxes,
    calls,
    admission,
    transfer,
    engine,
    journal,
    clock,
    metrics,
    activity,
    gradings,
    index,
    alarms,
    reports: new ReportProcess(dataDir),
    page: new PageFiles(),
    log,
  });
  const dispose = async (): Promise<void> => {
    await app.close();
    await calls.idle();
    await tokens[Symbol.asyncDispose]();
    await index[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
    const otherwise = await rejudgedOtherwise(dataDir);
    if (options.keep === undefined) rmSync(dataDir, { recursive: true });
    if (otherwise !== null) throw otherwise;
  };
  return { app, engine, rollouts, journal, calls, index, dataDir, logged, [Symbol.asyncDispose]: dispose };
}

function copyPast(past: Past | undefined, dataDir: string): void {
  if (past === undefined) return;
  for (const part of ['journal', 'blobs', 'verdicts.db'])
    if (existsSync(join(past.dataDir, part)))
      cpSync(join(past.dataDir, part), join(dataDir, part), { recursive: true });
}

function testCatalog({ catalog: given, policy = {}, task: change = {} }: TestOptions): Catalog {
  const files = { policiesDir: 'policies', imagesDir: 'images', taskFile: 'policies/tasks.yaml' };
  const catalog = given ?? loadCatalog(files);
  const { defaultTask } = catalog;
  const task = { ...defaultTask, ...change, policy: { ...defaultTask.policy, ...policy } };
  return { ...catalog, defaultTask: task, tasks: new Map(catalog.tasks).set(task.name, task) };
}

/** A request with the right token. */
export function authorized(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { authorization: `Bearer ${TOKEN}`, ...headers };
}
