import type { StreamDigests } from '../journal/event.ts';
import type { Outcome } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import { noticeOf, type ToolResult } from '../outcome/result.ts';
import type { Policy, Task } from '../policy/schema.ts';
import type { CallLimits, Ending } from '../protocol/messages.ts';
import type { CallReport, Sandbox } from '../sandbox/sandbox.ts';
import type { Tool } from './tool.ts';

/** What one walk brought back, before anybody judges it. */
export interface Finding {
  readonly evidence: Evidence;
  readonly tool: Tool | null;
  readonly limits: CallLimits | null;
  readonly ending: Ending | null;
  /** What the model is told about a call that was refused. */
  readonly refusal?: string;
}

/** A fault, or a rollout that takes no more calls: nothing came back from a sandbox. */
export function found(
  evidence: Evidence,
  prepared: { readonly tool: Tool; readonly limits: CallLimits } | null = null,
): Finding {
  return { evidence, tool: prepared?.tool ?? null, limits: prepared?.limits ?? null, ending: null };
}

/** A call that the model got wrong, before anything could run. */
export function refusal(reason: 'bad_arguments' | 'unknown_tool' | 'call_budget', text: string): Finding {
  return {
    evidence: { kind: 'refused', reason },
    tool: null,
    limits: null,
    ending: null,
    refusal: text,
  };
}

/** sandboxd's report as evidence. */
export function evidenceOf(tool: Tool, sandbox: Sandbox, report: CallReport): Evidence {
  if (report.type === 'exited') return { kind: 'ended', need: tool.need, record: evidenceRecord(report) };
  const offered = tool.need === 'shell' || tool.need === 'python' ? sandbox.offers[tool.need] !== null : true;
  const { errno, stage, killReach, before } = report;
  return { kind: 'not_started', need: tool.need, offered, record: { errno, stage, killReach, before } };
}

/** The part of an ending that is evidence: no byte that a process of the sandbox wrote. */
function evidenceRecord(ending: Extract<CallReport, Ending>) {
  const { waitStatus, killReason, killReach, interpreter, starvedMs, before, after } = ending;
  const { egress, paused, sandboxesUsed } = ending;
  return {
    ...{ waitStatus, killReason, killReach, interpreter, starvedMs, before, after },
    ...(egress && { egress }),
    ...(paused && { paused }),
    ...(sandboxesUsed !== undefined && { sandboxesUsed }),
  };
}

/** The whole output streams, as sandboxd counted them. */
export function digestsOf({ stdout, stderr }: Ending): StreamDigests {
  const digest = ({ totalBytes, sha256 }: Ending['stdout']) => ({
    bytes: totalBytes,
    sha256: Buffer.from(sha256).toString('hex'),
  });
  return { stdout: digest(stdout), stderr: digest(stderr) };
}

/** What is shown of a finding, or null where no tool ran and there is nothing to say. */
export function resultOf(policy: Policy, outcome: Outcome, finding: Finding): ToolResult | null {
  const nothing = { exit_code: null, signal: null, stdout: '', stderr: '', truncated: false };
  const { ending, tool } = finding;
  if (finding.refusal !== undefined)
    return { ...nothing, stdout: finding.refusal, notice: null, duration_ms: 0 };
  const notice = noticeOf(outcome, {
    timeoutMs: finding.limits?.timeoutMs ?? 0,
    memoryBytes: policy.limits.memory,
    processes: policy.limits.processes,
  });
  if (ending === null || tool === null)
    return notice === null ? null : { ...nothing, notice, duration_ms: 0 };
  const notices = [notice, ...sideEffects(ending, outcome)].filter((text) => text !== null);
  return {
    ...tool.show(ending),
    notice: notices.length === 0 ? null : notices.join('; '),
    duration_ms: Math.round(ending.exitedAtMs - ending.startedAtMs),
  };
}

/** What an ending did to the rest of the sandbox, which the model should know. */
function sideEffects(ending: Ending, outcome: Outcome): string[] {
  if (ending.interpreter === 'lost' && outcome.cause !== 'interpreter_ended')
    return ['interpreter died; state reset'];
  if (ending.interpreter === 'replaced') return ['the interpreter was restarted; earlier state is gone'];
  if (ending.killReach === 'everything')
    return ['all processes were ended, interpreter and background included'];
  return [];
}

/** The tool's own budget, else the task's, else the policy's. */
export function answerTokens(task: Task, { tool }: Finding): number {
  return tool?.answerTokens ?? task.answer_tokens ?? task.policy.answer_tokens;
}
