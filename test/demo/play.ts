import { systemClock } from '../../src/kernel/clock.ts';
import { LABELS } from '../../src/sandbox/docker/container-spec.ts';
import { DockerConnection } from '../../src/sandbox/docker/docker-connection.ts';
import { PLAIN_IMAGE, type Cases, type Trajectory } from './cases.ts';
import { buildImages, taskName, writeConfiguration } from './images.ts';
import { Platform } from './platform.ts';
import { Progress } from './progress.ts';
import { runProblems } from './python-run.ts';
import { runReferences } from './reference-runs.ts';
import { DEMO_LABEL, removeLabelled, templateOf, type Template } from './reference.ts';
import { compareAll, type Summary } from './report.ts';
import { Server } from './server.ts';
import { runTrajectories, type RunContext } from './shell-run.ts';

export interface DemoOptions {
  readonly run: string;
  /** For configuration, data and log of the server that the demo starts. */
  readonly folder: string;
  /** A running server; null: the demo starts one. */
  readonly server: { readonly url: string; readonly token: string } | null;
  readonly width: number;
  readonly stop: AbortSignal;
}

interface Stage {
  readonly connection: DockerConnection;
  readonly platform: Platform;
  readonly options: DemoOptions;
  readonly progress: Progress;
  /** Labels of the containers that are removed at the end. */
  readonly labels: Set<string>;
}

/** Runs the calls of faultline first and the references afterwards, so that they do not slow each other down. */
export async function play(options: DemoOptions, cases: Cases): Promise<Summary> {
  const connection = new DockerConnection(systemClock);
  await buildImages(connection, cases.trees);
  const configuration = await writeConfiguration(options.folder, cases.trees.keys());
  // Disposed in reverse order: the bar, the server, and then the containers that its clean stop left.
  await using cleanup = new AsyncDisposableStack();
  const labels = new Set([`${DEMO_LABEL}=${options.run}`]);
  cleanup.defer(async () => {
    for (const label of labels) await removeLabelled(connection, label);
  });
  const server = options.server ?? cleanup.use(await Server.start(options.folder, configuration));
  const platform = cleanup.use(new Platform(server.url, server.token));
  const progress = new Progress();
  cleanup.defer(() => {
    progress.stop();
  });
  try {
    return await playOn({ connection, platform, options, progress, labels }, cases);
  } catch (error) {
    if (server instanceof Server && !options.stop.aborted) console.error(await server.logTail());
    throw error;
  }
}

async function playOn(stage: Stage, { trajectories, problems }: Cases): Promise<Summary> {
  const { options } = stage;
  const templates = await readTemplates(stage, trajectories);
  const calls = trajectories.reduce((sum, { steps }) => sum + steps.length, 0);
  const shell = await timed(runTrajectories(context(stage, calls, 'shell calls'), trajectories));
  const python = await timed(runProblems(context(stage, problems.length, 'Python problems'), problems));
  const onStep = stage.progress.phase(calls, 'commands by docker exec');
  const references = { ...stage, run: options.run, stop: options.stop, onStep, templates };
  const plain = await runReferences(references, trajectories, shell.value);
  return {
    steps: compareAll(trajectories, shell.value, plain),
    solved: python.value,
    shellMs: shell.durationMs,
    pythonMs: python.durationMs,
    rollouts: trajectories.length,
    width: options.width,
  };
}

async function timed<T>(work: Promise<T>): Promise<{ value: T; durationMs: number }> {
  const began = performance.now();
  return { value: await work, durationMs: performance.now() - began };
}

function context(stage: Stage, total: number, label: string): RunContext {
  const { platform, options, progress } = stage;
  const { run, width, stop } = options;
  return { platform, run, width, stop, onStep: progress.phase(total, label) };
}

/** Opens one rollout per file tree and inspects its container. */
async function readTemplates(
  stage: Stage,
  trajectories: readonly Trajectory[],
): Promise<ReadonlyMap<number, Template>> {
  const templates = new Map<number, Template>();
  for (const fs of new Set([...trajectories.map((trajectory) => trajectory.fs), PLAIN_IMAGE])) {
    templates.set(fs, await readTemplate(stage, fs));
  }
  return templates;
}

async function readTemplate({ platform, connection, options, labels }: Stage, fs: number): Promise<Template> {
  const rollout = `trace_${options.run}_look_${String(fs)}`;
  const call = { rollout, callId: 'call_0', tool: 'shell', arguments: { command: 'true' }, item: { fs } };
  const { status, output } = await platform.tool(call);
  if (status !== 200) throw new Error(`the first call was answered with ${String(status)}: ${output}`);
  const task = await platform.taskOf(rollout);
  if (task !== taskName(fs))
    throw new Error(`a row {"fs":${String(fs)}} got the task ${task}, not ${taskName(fs)}`);
  const template = await templateOf(connection, fs);
  // Containers of a server that the demo did not start are not removed.
  if (options.server === null) labels.add(`${LABELS.controller}=${template.controller}`);
  await platform.end(rollout);
  return template;
}
