import type { CallLimits } from '../protocol/messages.ts';
import type { Task } from '../policy/schema.ts';
import type { RerunCall } from '../rollouts/replay.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Call } from '../rollouts/call.ts';
import { starvedByHostMs } from '../rollouts/command-time.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { overBudget } from './call-budget.ts';
import { parseArguments, readArguments, recordedArguments, type GivenArguments } from './arguments.ts';
import { digestsOf, evidenceOf, judgeEnding, refusal, resultOf, type JudgedEnding } from './judged-ending.ts';
import { callLimits, type Tool } from './tool.ts';
import { toolbox } from './toolbox.ts';
import { textProblem } from './work-text.ts';

/** A call whose tool exists and whose arguments fit it. */
export interface PreparedCall {
  readonly tool: Tool;
  /** The arguments as the model gave them. */
  readonly given: unknown;
  readonly input: Readonly<Record<string, unknown>>;
  readonly limits: CallLimits;
}

/** The model's call, ready to run; or its refusal. */
function prepare(task: Task, name: string, read: GivenArguments): PreparedCall | JudgedEnding {
  const tools = toolbox(task);
  const tool = tools.get(name);
  if (tool === undefined)
    return refusal('unknown_tool', `There is no tool "${name}". Tools: ${[...tools.keys()].join(', ')}.`);
  const parsed = parseArguments(tool, read);
  if (!parsed.ok) return refusal('bad_arguments', parsed.problem);
  const { input } = parsed;
  const problem = textProblem(tool.work(input, task.policy));
  if (problem !== null) return refusal('bad_arguments', `${tool.name}: ${problem}`);
  return {
    tool,
    given: recordedArguments(read),
    input,
    limits: callLimits(task.policy, tool.timeoutMs(input, task.policy)),
  };
}

/** As `prepare`, for a call that arrives: also refuses calls after grading has begun and calls above the task's budget. */
export function prepareCall(rollout: Rollout, call: Call, read: GivenArguments): PreparedCall | JudgedEnding {
  if (rollout.isLate(call)) return judgeEnding({ kind: 'rollout_over', how: 'graded' });
  return overBudget(rollout, call) ?? prepare(rollout.task, call.tool, read);
}

/** Runs a prepared call under its number. @throws SandboxFault */
export async function runPrepared(
  task: Task,
  { tool, input, limits }: PreparedCall,
  sandbox: Sandbox,
  number: number,
): Promise<JudgedEnding> {
  const report = await sandbox.run(number, tool.work(input, task.policy), limits);
  const run = report.type === 'exited' ? report : null;
  const evidence = evidenceOf(tool, sandbox, report);
  const starvedMs = evidence.kind === 'ended' ? starvedByHostMs(evidence.record) : 0;
  const heldUpMs = starvedMs + (report.waitedMs ?? 0);
  // File tools say it themselves: in a path, some halves stand for bytes of a name.
  const altered =
    tool.need !== 'files' &&
    Object.values(input).some((value) => typeof value === 'string' && !value.isWellFormed());
  return judgeEnding(evidence, { tool, input, limits, run, altered, heldUpMs });
}

/** Runs a past call again, for a replay. */
export const rerunCall: RerunCall = async (
  { rollout: { task }, tool, arguments: given },
  sandbox,
  number,
) => {
  const prepared = prepare(task, tool, readArguments(given));
  const judged = 'evidence' in prepared ? prepared : await runPrepared(task, prepared, sandbox, number);
  const { outcome, run } = judged;
  return {
    outcome,
    result: resultOf(task.policy, judged),
    ...(run !== null && { streams: digestsOf(run) }),
  };
};
