import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adaptersOf } from '../adapters/adapters.ts';
import type { AdapterParts } from '../adapters/foreign-verb.ts';
import { admissionSources, openAdmission, type Admission } from '../admission/admission.ts';
import type { BurstLog } from '../admission/burst-log.ts';
import type { Config } from '../config.ts';
import { openEngine, type OpenEngine } from './engine.ts';
import { GraderGate, type GateParts } from '../grading/gate.ts';
import { GraderClient } from '../grading/grader-client.ts';
import { Blobs } from '../journal/blobs.ts';
import { FileJournal } from '../journal/file-journal.ts';
import { systemClock, type Clock } from '../kernel/clock.ts';
import { errorCode } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { McpEndpoint } from '../mcp/endpoint.ts';
import { LiveCatalog } from '../policy/live-catalog.ts';
import type { Catalog } from '../policy/schema.ts';
import { ReportProcess } from '../report/report-process.ts';
import { watchRisk } from '../report/risk-watch.ts';
import { reap } from '../rollouts/reaper.ts';
import { Recovery } from '../rollouts/recovery.ts';
import { Rollouts } from '../rollouts/registry.ts';
import { Replay } from '../rollouts/replay.ts';
import { restore } from '../rollouts/restore.ts';
import { Sandboxes, specOf } from '../rollouts/sandboxes.ts';
import { Alarms } from '../telemetry/alarms.ts';
import { History } from '../telemetry/recent-activity.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { ToolCalls, type CallParts } from '../tools/call.ts';
import { rerunCall } from '../tools/prepared-call.ts';
import { FileTransfer } from '../tools/transfer.ts';
import { PageFiles } from '../web/page-files.ts';

export type Controller = Awaited<ReturnType<typeof wire>>;

/** Builds the controller from its parts: the only file that names concrete classes. Nothing runs yet. */
export async function wire(config: Config, log: Log) {
  const clock = systemClock;
  const catalog = new LiveCatalog(config);
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const controllerId = await keptId(config.dataDir);
  const journal = await FileJournal.open({ dataDir: config.dataDir, clock });
  const blobs = await Blobs.at(config.dataDir);
  const opened = await openEngine(config, { catalog, controllerId, clock, log });
  const { engine, cap } = opened;
  const { images } = engine;
  const admission = openAdmission({ engine, images, clock, log, startsAtOnce: config.startsAtOnce, cap });
  const { removals, pool: supply } = admission;
  const replay = new Replay({ journal, blobs, rerunCall });
  const recovery = new Recovery({ engine, removals, retries: admission.retries, replay, journal, clock });
  const sandboxes = new Sandboxes({ supply, removals, engine, recovery, journal, clock });
  const rollouts = new Rollouts({ catalog, journal, clock });
  const telemetry = wireTelemetry({ rollouts, admission, journal, clock });
  const calls = new ToolCalls({
    rollouts,
    sandboxes,
    journal,
    clock,
    onFinished: report({ ...telemetry, bursts: admission.bursts, log }),
  });
  const transfer = new FileTransfer({ rollouts, sandboxes, journal, blobs, clock });
  return {
    catalog,
    reload: () => reload({ catalog, opened, admission, log }),
    clock,
    controllerId,
    engine,
    opened,
    journal,
    admission,
    removals,
    rollouts,
    sandboxes,
    calls,
    transfer,
    gate: wireGate(config.grader, { rollouts, sandboxes, calls, journal, clock }),
    ...waysIn({ catalog, rollouts, sandboxes, calls, transfer }),
    ...telemetry,
    ...ui(config),
    log,
  };
}

interface Reloaded {
  readonly catalog: LiveCatalog;
  readonly opened: OpenEngine;
  readonly admission: Admission;
  readonly log: Log;
}

/** Takes over what the files hold now, for rollouts that open from now on. @throws ConfigurationError */
async function reload({ catalog, opened, admission, log }: Reloaded): Promise<void> {
  const next = catalog.read();
  await opened.follow(next);
  catalog.take(next);
  admission.pool.open([...catalog.tasks.values()].map(specOf));
  opened.taskImages.look();
  log.info({ tasks: catalog.tasks.size, images: catalog.images.size }, 'configuration reloaded');
}

/** The protocols of others, over the same calls as our own. */
function waysIn(parts: AdapterParts & { catalog: Catalog; rollouts: Rollouts }) {
  return { mcp: new McpEndpoint({ ...parts, version: VERSION }), adapters: adaptersOf(parts) };
}

/** What people look at. */
const ui = ({ dataDir }: Config) => ({ reports: new ReportProcess(dataDir), page: new PageFiles() });

function wireGate(
  grader: Config['grader'],
  parts: Omit<GateParts, 'grader' | 'excluded' | 'recovered' | 'pendingMs'>,
): GraderGate | null {
  if (grader === null) return null;
  const client = new GraderClient({ ...grader, clock: parts.clock });
  return new GraderGate({ ...parts, ...grader, grader: client });
}

function wireTelemetry(parts: {
  rollouts: Rollouts;
  admission: Admission;
  journal: FileJournal;
  clock: Clock;
}) {
  const sources = admissionSources(parts.admission);
  const gauges = () => {
    const { live, warm } = sources.sandboxes();
    return { ...sources.starts(), live, warm };
  };
  const history = new History({ clock: parts.clock, gauges });
  const alarms = new Alarms({
    engineAnswers: () => parts.admission.breaker.state === 'closed',
    callsWithin: (seconds) => history.callsWithin(seconds),
  });
  const metrics = new Metrics();
  metrics.watchProcess();
  metrics.watch({
    rollouts: () => parts.rollouts.all(),
    ...sources,
    journalSkippedLines: () => parts.journal.skippedLines,
    alarms: () => alarms.states(),
  });
  return { metrics, history, alarms };
}

interface Observers {
  readonly metrics: Metrics;
  readonly history: History;
  readonly bursts: BurstLog;
  readonly log: Log;
}

/** One event line and one count per finished call. */
function report({ metrics, history, bursts, log }: Observers): CallParts['onFinished'] {
  return (rollout, { callId, tool, outcome, status, durationMs }) => {
    if (outcome === null || durationMs === null)
      throw new Error(`call ${callId} finished without an outcome`);
    metrics.callFinished({ tool, outcome, durationMs });
    const { attribution, cause } = outcome;
    if (status !== null)
      history.callFinished({
        rollout: rollout.id,
        call: callId,
        tool,
        attribution,
        cause,
        status,
        durationMs,
      });
    if (rollout.calls.keys().next().value === callId) bursts.firstAnswer(durationMs, status !== 503);
    const ms = Math.round(durationMs);
    log.info({ rollout: rollout.id, call: callId, tool, attribution, cause, status, ms }, 'call');
  };
}

/** Restores what an earlier life left and continues its calls. To be done before the first request is taken. */
export async function resume(controller: Controller): Promise<void> {
  const { journal, controllerId, calls, catalog, admission, log } = controller;
  await journal.append(
    { type: 'controller_started', controller: controllerId, version: VERSION, pid: process.pid },
    { durable: true },
  );
  for (const { rollout, record, arguments: given } of await restore(controller))
    calls.begin(rollout, record, given).catch((error: unknown) => {
      log.error({ rollout: rollout.id, call: record.callId, error }, 'interrupted call not continued');
    });
  admission.pool.open([...catalog.tasks.values()].map(specOf));
  controller.opened.taskImages.look();
  controller.history.open();
}

/** Keeps the rollouts' limits until aborted. */
export function keepLimits(controller: Controller, signal: AbortSignal): Promise<void> {
  return reap(controller, signal);
}

/** Judges from time to time whether training is in danger, until aborted. */
export function watchTraining(
  { reports, clock, log, history, alarms }: Controller,
  signal: AbortSignal,
): Promise<void> {
  return watchRisk(
    {
      reports,
      clock,
      log,
      callsFinished: () => history.finished,
      onJudged: (judgement) => {
        alarms.riskJudged(judgement);
      },
    },
    signal,
  );
}

/**
 * The orderly end: running calls finish (no new ones come, the server is closed), then every sandbox is removed,
 * or left for the next start to adopt.
 */
export async function stop(controller: Controller, onStop: Config['onStop']): Promise<void> {
  const { calls, rollouts, sandboxes, admission, removals, journal, controllerId, opened } = controller;
  admission.starts.close();
  admission.pool.close();
  admission.bursts.close();
  controller.history.close();
  if (onStop === 'remove') {
    await Promise.all([...rollouts.all()].map((rollout) => sandboxes.end(rollout, 'stopped')));
    await calls.idle();
  }
  await removals.idle();
  calls[Symbol.dispose]();
  await journal.append({ type: 'controller_stopped', controller: controllerId }, { durable: true });
  await opened[Symbol.asyncDispose]();
  await journal[Symbol.asyncDispose]();
}

/** As in package.json; a test compares them. */
export const VERSION = '0.2.0';

/** The id on this controller's containers, kept with its data, so that a restart finds its own and nobody else's. */
async function keptId(dataDir: string): Promise<string> {
  const file = join(dataDir, 'controller-id');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    const id = randomUUID();
    await writeFile(file, `${id}\n`, { mode: 0o600 });
    return id;
  }
}
