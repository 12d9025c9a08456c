import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adaptersOf } from '../adapters/adapters.ts';
import type { AdapterParts } from '../adapters/foreign-verb.ts';
import { openAdmission, type Admission } from '../admission/admission.ts';
import type { Config } from '../config.ts';
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
import { Recovery } from '../rollouts/recovery.ts';
import { Rollouts } from '../rollouts/registry.ts';
import { VerdictIndex } from '../rollouts/verdict-index.ts';
import { Replay } from '../rollouts/replay.ts';
import { specOf } from '../rollouts/sandbox-spec.ts';
import { openSandboxes } from '../rollouts/sandboxes.ts';
import { TokenBudget } from '../tokens/token-budget.ts';
import { ToolCalls } from '../tools/call.ts';
import { rerunCall } from '../tools/prepared-call.ts';
import { FileTransfer } from '../tools/transfer.ts';
import { UnrecordedRuns } from '../tools/unrecorded-runs.ts';
import { PageFiles } from '../web/page-files.ts';
import { openEngine, type OpenEngine } from './engine.ts';
import { observeCalls, observeGradings, observeReusedIds, wireTelemetry } from './telemetry.ts';

export type Controller = Awaited<ReturnType<typeof wireController>>;

/** Builds the controller from its parts. Nothing runs yet: `life-cycle.ts` starts and stops it. */
export async function wireController(config: Config, log: Log) {
  const clock = systemClock;
  const catalog = new LiveCatalog(config);
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const { journal, index, controllerId, blobs } = await openRecords(config.dataDir, clock, log);
  const opened = await openEngine(config, { catalog, controllerId, clock, log });
  const { engine, cap } = opened;
  const { images } = engine;
  const admission = openAdmission({ engine, images, clock, log, startsAtOnce: config.startsAtOnce, cap });
  const { removals, pool: supply } = admission;
  const replay = new Replay({ journal, blobs, rerunCall });
  const recovery = new Recovery({ engine, removals, retries: admission.retries, replay, journal, clock });
  const sandboxes = openSandboxes({ supply, removals, engine, recovery, journal, clock });
  const rollouts = new Rollouts({ catalog, journal, index, clock });
  const telemetry = wireTelemetry({ rollouts, admission, journal, clock });
  const tokens = new TokenBudget({ clock });
  const onFinished = observeCalls({ ...telemetry, bursts: admission.bursts, log });
  const onReusedId = observeReusedIds({ ...telemetry, log });
  const calls = new ToolCalls({ rollouts, sandboxes, journal, clock, tokens, onFinished, onReusedId });
  const transfer = new FileTransfer({ rollouts, sandboxes, journal, blobs, clock });
  const unrecorded = new UnrecordedRuns({ sandboxes, clock });
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
    tokens,
    calls,
    transfer,
    index,
    gate: wireGate(config.grader, {
      ...{ catalog, rollouts, sandboxes, calls, journal, clock },
      onGraded: observeGradings({ ...telemetry, log }),
    }),
    ...wireAdapters({ catalog, rollouts, sandboxes, calls, transfer, unrecorded }),
    ...telemetry,
    ...wireUi(config),
    log,
  };
}

/** What earlier controllers left in the data folder. */
async function openRecords(dataDir: string, clock: Clock, log: Log) {
  const journal = await FileJournal.open({ dataDir, clock });
  const former = await formerId(dataDir);
  // Before the id is written: a start that is killed between the two is a first start again.
  const index = VerdictIndex.open({ dataDir, journal, firstStart: former === null, clock, log });
  const controllerId = former ?? (await newId(dataDir));
  return { journal, index, controllerId, blobs: await Blobs.at(dataDir) };
}

interface Reloaded {
  readonly catalog: LiveCatalog;
  readonly opened: OpenEngine;
  readonly admission: Admission;
  readonly log: Log;
}

/** Reads the configuration files again, for rollouts that open from now on. @throws ConfigurationError */
async function reload({ catalog, opened, admission, log }: Reloaded): Promise<void> {
  const next = catalog.read();
  await opened.follow(next);
  catalog.take(next);
  admission.pool.open([...catalog.tasks.values()].map(specOf));
  opened.taskImages.look();
  log.info({ tasks: catalog.tasks.size, images: catalog.images.size }, 'configuration reloaded');
}

/** MCP and the protocols of other projects: they make the same calls as the platform's own form. */
function wireAdapters(parts: AdapterParts & { catalog: Catalog; rollouts: Rollouts }) {
  return { mcp: new McpEndpoint({ ...parts, version: VERSION }), adapters: adaptersOf(parts) };
}

/** The reports and the web page. */
const wireUi = ({ dataDir }: Config) => ({ reports: new ReportProcess(dataDir), page: new PageFiles() });

function wireGate(
  grader: Config['grader'],
  parts: Omit<GateParts, 'grader' | 'excluded' | 'recovered' | 'unknown' | 'pendingMs'>,
): GraderGate | null {
  if (grader === null) return null;
  const client = new GraderClient({ ...grader, clock: parts.clock });
  return new GraderGate({ ...parts, ...grader, grader: client });
}

/** As in package.json; a test compares them. */
export const VERSION = '0.2.0';

const idFile = (dataDir: string): string => join(dataDir, 'controller-id');

/** The id on the labels of this controller's containers. Kept in the data folder, so that a restart finds them again. */
async function formerId(dataDir: string): Promise<string | null> {
  try {
    return (await readFile(idFile(dataDir), 'utf8')).trim();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return null;
  }
}

async function newId(dataDir: string): Promise<string> {
  const id = randomUUID();
  await writeFile(idFile(dataDir), `${id}\n`, { mode: 0o600 });
  return id;
}
