import { constants } from 'node:os';
import type { Trajectory } from './cases.ts';
import type { Seen } from './seen.ts';
import type { ModelCall, NativeAnswer, Platform } from './platform.ts';
import { inParallel } from './in-parallel.ts';

/** Time limit of a command on both sides. Some commands of the public set never end; the others need at most a second. */
export const COMMAND_LIMIT_MS = 30_000;

export interface OurStep {
  /** Null if the server gave no result: `problem` then has its status and text. */
  readonly seen: Seen | null;
  readonly problem: string | null;
  readonly durationMs: number;
}

export interface RunContext {
  readonly platform: Platform;
  /** Makes the rollout ids of this run unique. */
  readonly run: string;
  readonly width: number;
  readonly stop: AbortSignal;
  readonly onStep: () => void;
}

/** Runs every trajectory as its own rollout, `width` at a time, with its calls in order. */
export async function runTrajectories(
  context: RunContext,
  trajectories: readonly Trajectory[],
): Promise<ReadonlyMap<string, readonly OurStep[]>> {
  const answers = new Map<string, readonly OurStep[]>();
  await inParallel(trajectories, context.width, context.stop, async (trajectory) => {
    answers.set(trajectory.id, await runOne(context, trajectory));
  });
  return answers;
}

async function runOne(context: RunContext, trajectory: Trajectory): Promise<OurStep[]> {
  const { platform, stop, onStep } = context;
  const rollout = `trace_${context.run}_${trajectory.id}`;
  const steps: OurStep[] = [];
  for (const [index, { run: command }] of trajectory.steps.entries()) {
    stop.throwIfAborted();
    const call = {
      rollout,
      callId: `call_${String(index)}`,
      tool: 'shell',
      arguments: { command, timeout_ms: COMMAND_LIMIT_MS },
      item: { id: trajectory.id, fs: trajectory.fs },
    };
    steps.push(await callTwice(platform, call));
    onStep();
  }
  await platform.end(rollout);
  return steps;
}

/**
 * Makes the call in the platform's form, then repeats its call id through the native API. The repeat does not run the
 * command again; it returns the streams and the exit code separately.
 */
async function callTwice(platform: Platform, call: ModelCall): Promise<OurStep> {
  const wire = await platform.tool(call);
  const { durationMs } = wire;
  const failed = (problem: string): OurStep => ({ seen: null, problem, durationMs });
  if (wire.status !== 200) return failed(`answered ${String(wire.status)}: ${wire.output}`);
  const native = await platform.native(call);
  if (native.output !== wire.output) return failed('the stored answer differs from the first answer');
  if (native.result === null) return failed(`no result: ${native.output}`);
  return { seen: seenBy(native.result), problem: null, durationMs };
}

export function seenBy(result: NonNullable<NativeAnswer['result']>): Seen {
  const { stdout, stderr, notice } = result;
  if (notice?.startsWith('timed out') === true) return { stdout, stderr, exitCode: null };
  return { stdout, stderr, exitCode: result.exit_code ?? signalExitCode(result.signal) };
}

const signals: Readonly<Record<string, number | undefined>> = constants.signals;

/** The exit code that shells and `docker exec` report for a signal. */
function signalExitCode(signal: string | null): number {
  return 128 + ((signal === null ? undefined : signals[signal]) ?? 0);
}
