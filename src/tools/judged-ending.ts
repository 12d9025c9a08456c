import type { StreamDigests } from '../journal/event.ts';
import { judge, type Judged } from '../outcome/attribute.ts';
import type { Outcome } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import { ALTERED_NOTICE, joinNotices, noticeOf, unkeptNotices, type ToolResult } from '../outcome/result.ts';
import type { Transcript } from '../outcome/transcript.ts';
import type { Policy, Task } from '../policy/schema.ts';
import type { CallLimits, Ending } from '../protocol/messages.ts';
import type { CallReport, Sandbox } from '../sandbox/sandbox.ts';
import type { Tool } from './tool.ts';

/** How one call ended, judged, with what the answer to the model is made from. */
export interface JudgedEnding extends Judged {
  readonly tool: Tool | null;
  /** The checked arguments; null where the call was refused. */
  readonly input: Readonly<Record<string, unknown>> | null;
  readonly limits: CallLimits | null;
  /** sandboxd's record of the command; null where none ran. */
  readonly run: Ending | null;
  /** The arguments had lone surrogates, for which the work has U+FFFD. */
  readonly altered: boolean;
  /** The text for the model if its call was refused; else null. */
  readonly refusal: string | null;
  /** How long infrastructure kept the command from starting or from running. */
  readonly heldUpMs: number;
}

const nothingKnown = {
  ...{ tool: null, input: null, limits: null, run: null },
  ...{ altered: false, refusal: null, heldUpMs: 0 },
};

/** The only place where a call's ending is judged. */
export function judgeEnding(
  evidence: Evidence,
  known: Partial<Pick<JudgedEnding, keyof typeof nothingKnown>> = {},
): JudgedEnding {
  return { ...judge(evidence), ...nothingKnown, ...known };
}

/** A call refused because of the model, before anything could run. */
export function refusal(
  reason: 'bad_arguments' | 'unknown_tool' | 'call_budget',
  text: string,
): JudgedEnding {
  return judgeEnding({ kind: 'refused', reason }, { refusal: text });
}

/** sandboxd's report as evidence. */
export function evidenceOf(tool: Tool, sandbox: Sandbox, report: CallReport): Evidence {
  if (report.type === 'exited') return { kind: 'ended', need: tool.need, record: evidenceRecord(report) };
  const offered = tool.need === 'shell' || tool.need === 'python' ? sandbox.offers[tool.need] !== null : true;
  const { errno, stage, killReach, before, after, host } = report;
  const record = { errno, stage, killReach, before, after, ...(host && { host }) };
  return { kind: 'not_started', need: tool.need, offered, record };
}

/** The part of an ending that is evidence. It contains no byte that a process of the sandbox wrote. */
function evidenceRecord(ending: Extract<CallReport, Ending>) {
  const { waitStatus, killReason, killReach, interpreter, starvedMs, before, after } = ending;
  const { egress, paused, sandboxesUsed, host } = ending;
  return {
    ...{ waitStatus, killReason, killReach, interpreter, starvedMs, before, after },
    ...(egress && { egress }),
    ...(paused && { paused }),
    ...(sandboxesUsed !== undefined && { sandboxesUsed }),
    ...(host && { host }),
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

/**
 * What the model is shown of an ending; null where no tool ran and there is no notice. `characters`: of a tool whose answers
 * are shown from the start.
 */
export function resultOf(policy: Policy, judged: JudgedEnding, characters?: number): ToolResult | null {
  const nothing = { exit_code: null, signal: null, stdout: '', stderr: '', truncated: false };
  const { outcome, run, tool } = judged;
  if (judged.refusal !== null) return { ...nothing, stdout: judged.refusal, notice: null, duration_ms: 0 };
  const notice = noticeOf(outcome, {
    timeoutMs: judged.limits?.timeoutMs ?? 0,
    memoryBytes: policy.limits.memory,
    processes: policy.limits.processes,
  });
  if (run === null || tool === null) {
    const said = joinNotices([notice, clearedNotice(judged)]);
    return said === null ? null : { ...nothing, notice: said, duration_ms: 0 };
  }
  const shown = tool.show(run, judged.input ?? {}, characters);
  return {
    ...shown,
    notice: joinNotices([
      shown.notice ?? null,
      notice,
      ...sideEffects(run, outcome),
      ...unkeptNotices(run.unkept ?? []),
      judged.altered ? ALTERED_NOTICE : null,
    ]),
    duration_ms: Math.round(run.exitedAtMs - run.startedAtMs),
  };
}

/** What the model is shown of the streams, where the tool shows it in another way than `show` does. */
export function streamsOf({ run, tool }: JudgedEnding): Transcript | null {
  return run === null ? null : (tool?.transcript?.(run) ?? null);
}

/** For a call that was not started: sandboxd made room for the next one. The notice of `process_limit` says so itself. */
function clearedNotice({ evidence, outcome }: Judged): string | null {
  if (evidence.kind !== 'not_started' || outcome.cause === 'process_limit') return null;
  return evidence.record.killReach === 'everything' ? EVERYTHING_ENDED : null;
}

const EVERYTHING_ENDED = 'all processes were ended, interpreter and background included';

/** Effects of a run on the rest of the sandbox, as notices for the model. */
function sideEffects(run: Ending, outcome: Outcome): string[] {
  if (run.interpreter === 'lost' && outcome.cause !== 'interpreter_ended')
    return ['interpreter died; state reset'];
  if (run.interpreter === 'replaced') return ['the interpreter was restarted; earlier state is gone'];
  if (run.killReach === 'everything') return [EVERYTHING_ENDED];
  return [];
}

/** The tool's own budget, else the task's, else the sandbox policy's. */
export function answerTokens(task: Task, { tool }: JudgedEnding): number {
  return tool?.answerTokens ?? task.answer_tokens ?? task.policy.answer_tokens;
}
