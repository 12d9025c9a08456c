import { PLAIN_IMAGE, type Problem } from './cases.ts';
import { inParallel } from './in-parallel.ts';
import type { RunContext } from './shell-run.ts';

export interface Solved {
  readonly id: string;
  readonly passed: boolean;
  /** The text that the model would have seen; empty if the problem passed. */
  readonly output: string;
  readonly durationMs: number;
}

/** Runs every problem in its own rollout. It passes if solution and tests run to the last line without an exception. */
export async function runProblems(
  context: RunContext,
  problems: readonly Problem[],
): Promise<readonly Solved[]> {
  const solved: Solved[] = [];
  await inParallel(problems, context.width, context.stop, async (problem) => {
    solved.push(await solve(context, problem));
    context.onStep();
  });
  return solved.toSorted((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
}

async function solve({ platform, run }: RunContext, problem: Problem): Promise<Solved> {
  const rollout = `trace_${run}_${problem.id}`;
  const sentinel = `reached the end ${run}`;
  const call = {
    rollout,
    callId: 'call_0',
    tool: 'python',
    arguments: { code: `${problem.code}\nprint(${JSON.stringify(sentinel)})\n` },
    item: { id: problem.id, fs: PLAIN_IMAGE },
  };
  const wire = await platform.tool(call);
  const native = wire.status === 200 ? await platform.native(call) : null;
  await platform.end(rollout);
  const passed = native?.result?.exit_code === 0 && wire.output.trimEnd().endsWith(sentinel);
  return { id: problem.id, passed, output: passed ? '' : wire.output, durationMs: wire.durationMs };
}
