import { constants } from 'node:os';
import type { Trajectory } from './cases.ts';
import type { Seen } from './seen.ts';
import type { ModelCall, NativeAnswer, Platform } from './platform.ts';
import { inParallel } from './in-parallel.ts';

/** What a command gets in both; beyond it, it is ended. Some of the public set never end, the others need a second at most. */
export const COMMAND_LIMIT_MS = 30_000;

export interface OurStep {
  /** Null where the server had no result to give: its status and text are in `problem`. */
  readonly seen: Seen | null;
  readonly problem: string | null;
  readonly durationMs: number;
}

export interface RunContext {
  readonly platform: Platform;
  /** Makes rollout ids of this run unlike any other's. */
  readonly run: string;
  readonly width: number;
  readonly stop: AbortSignal;
  readonly onStep: () => void;
}

/** Every trajectory as a rollout of its own, `width` at a time, its calls in order. */
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
 * The call in the platform's form, then the same call id through the native API: that runs nothing again and shows
 * streams and exit code apart.
 */
async function callTwice(platform: Platform, call: ModelCall): Promise<OurStep> {
  const wire = await platform.tool(call);
  const { durationMs } = wire;
  const failed = (problem: string): OurStep => ({ seen: null, problem, durationMs });
  if (wire.status !== 200) return failed(`answered ${String(wire.status)}: ${wire.output}`);
  const native = await platform.native(call);
  if (native.output !== wire.output) return failed('the stored answer is another than the first one');
  if (native.result === null) return failed(`no result: ${native.output}`);
  return { seen: seenBy(native.result), problem: null, durationMs };
}

export function seenBy(result: NonNullable<NativeAnswer['result']>): Seen {
  const { stdout, stderr, notice } = result;
  if (notice?.startsWith('timed out') === true) return { stdout, stderr, exitCode: null };
  return { stdout, stderr, exitCode: result.exit_code ?? signalExitCode(result.signal) };
}

const signals: Readonly<Record<string, number | undefined>> = constants.signals;

/** As shells and `docker exec` report a death by signal. */
function signalExitCode(signal: string | null): number {
  return 128 + ((signal === null ? undefined : signals[signal]) ?? 0);
}
