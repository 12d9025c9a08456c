import type { DockerConnection } from '../../src/sandbox/docker/docker-connection.ts';
import type { Trajectory } from './cases.ts';
import { same } from './compare.ts';
import type { Seen } from './seen.ts';
import { inParallel } from './in-parallel.ts';
import { runPlain } from './plain-run.ts';
import { Reference, type Template } from './reference.ts';
import type { PlainRuns } from './report.ts';
import { COMMAND_LIMIT_MS, type OurStep } from './shell-run.ts';

/** Maximum number of plain containers at the same time: an exec costs the daemon much more than a call costs faultline. */
const REFERENCE_WIDTH = 6;

export interface ReferenceContext {
  readonly connection: DockerConnection;
  readonly templates: ReadonlyMap<number, Template>;
  readonly run: string;
  readonly stop: AbortSignal;
  readonly onStep: () => void;
}

/**
 * Runs every trajectory in a fresh plain container. If an answer differs, the trajectory runs again in a second container,
 * to see whether two plain runs agree. If all answers are equal, a second run could not change the result.
 */
export async function runReferences(
  context: ReferenceContext,
  trajectories: readonly Trajectory[],
  ours: ReadonlyMap<string, readonly OurStep[]>,
): Promise<ReadonlyMap<string, PlainRuns>> {
  const runs = new Map<string, PlainRuns>();
  await inParallel(trajectories, REFERENCE_WIDTH, context.stop, async (trajectory) => {
    const first = await runOnce(context, trajectory, context.onStep);
    const agreed = ours.get(trajectory.id)?.every((step, index) => agrees(step, first[index])) ?? false;
    runs.set(trajectory.id, [first, agreed ? first : await runOnce(context, trajectory, () => undefined)]);
  });
  return runs;
}

function agrees({ seen }: OurStep, plain: Seen | undefined): boolean {
  return seen !== null && plain !== undefined && same(seen, plain);
}

async function runOnce(
  context: ReferenceContext,
  trajectory: Trajectory,
  onStep: () => void,
): Promise<Seen[]> {
  const template = context.templates.get(trajectory.fs);
  if (template === undefined) throw new Error(`no template for file tree ${String(trajectory.fs)}`);
  await using reference = await Reference.start(context.connection, template, context.run);
  return await runPlain(reference, trajectory, { limitMs: COMMAND_LIMIT_MS, stop: context.stop, onStep });
}
