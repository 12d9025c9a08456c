import { attribute } from '../outcome/attribute.ts';
import type { CallLimits } from '../protocol/messages.ts';
import type { Task } from '../policy/schema.ts';
import type { RerunCall } from '../rollouts/replay.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { CallRecord, Rollout } from '../rollouts/rollout.ts';
import { overBudget } from './call-budget.ts';
import { parseArguments } from './arguments.ts';
import { digestsOf, evidenceOf, refusal, resultOf, type Finding } from './finding.ts';
import { callLimits, type Tool } from './tool.ts';
import { toolbox } from './toolbox.ts';

/** A call whose tool exists and whose arguments fit it. */
export interface PreparedCall {
  readonly tool: Tool;
  /** The arguments as the model gave them. */
  readonly given: unknown;
  readonly input: Readonly<Record<string, unknown>>;
  readonly limits: CallLimits;
}

/** What the model asked for, ready to run; or what is wrong with it. */
function prepare(task: Task, name: string, given: unknown): PreparedCall | Finding {
  const tools = toolbox(task);
  const tool = tools.get(name);
  if (tool === undefined)
    return refusal('unknown_tool', `There is no tool "${name}". Tools: ${[...tools.keys()].join(', ')}.`);
  const parsed = parseArguments(tool, given);
  if (!parsed.ok) return refusal('bad_arguments', parsed.problem);
  const { input } = parsed;
  return { tool, given, input, limits: callLimits(task.policy, tool.timeoutMs(input, task.policy)) };
}

/** The same for a call as it arrives, which must be within the task's budget. */
export function prepareCall(rollout: Rollout, record: CallRecord, given: unknown): PreparedCall | Finding {
  return overBudget(rollout, record) ?? prepare(rollout.task, record.tool, given);
}

/** Runs a prepared call under its number. @throws SandboxFault */
export async function run(
  task: Task,
  { tool, input, limits }: PreparedCall,
  sandbox: Sandbox,
  number: number,
): Promise<Finding> {
  const report = await sandbox.run(number, tool.work(input, task.policy), limits);
  const ending = report.type === 'exited' ? report : null;
  return { evidence: evidenceOf(tool, sandbox, report), tool, limits, ending };
}

/** A past call once more, for a replay. */
export const rerunCall: RerunCall = async (
  { rollout: { task }, tool, arguments: given },
  sandbox,
  number,
) => {
  const prepared = prepare(task, tool, given);
  const finding = 'evidence' in prepared ? prepared : await run(task, prepared, sandbox, number);
  const outcome = attribute(finding.evidence);
  const { ending } = finding;
  return {
    outcome,
    result: resultOf(task.policy, outcome, finding),
    ...(ending === null ? {} : { streams: digestsOf(ending) }),
  };
};
