import type { z } from 'zod';
import type { Need } from '../outcome/evidence.ts';
import type { ToolResult } from '../outcome/result.ts';
import type { Transcript } from '../outcome/transcript.ts';
import type { Policy } from '../policy/schema.ts';
import type { CallLimits, Ending, Work } from '../protocol/messages.ts';

/** The result that a tool shows for an ending; the conductor adds its own notice, and the duration. */
export type Shown = Pick<ToolResult, 'exit_code' | 'signal' | 'stdout' | 'stderr' | 'truncated'> & {
  /** What the tool has to say beside its output, without brackets. */
  readonly notice?: string | null;
};

/**
 * One tool. It maps the model's arguments to work for sandboxd, and sandboxd's ending to the result that is shown. Both
 * are pure, so that a call can be continued after a restart from its journaled arguments.
 */
export interface Tool {
  readonly name: string;
  /** For the tool definition that the model gets. */
  readonly description: string;
  readonly parameters: z.ZodObject;
  readonly need: Need;
  /** Maximum tokens of its answers; absent: the task's or the sandbox policy's. */
  readonly answerTokens?: number | undefined;
  /** True if the tool changes nothing in the sandbox. */
  readonly readOnly?: boolean;
  /** `input` has passed `parameters`. */
  work(input: Readonly<Record<string, unknown>>, policy: Policy): Work;
  /** The time limit that the model asked for, if the tool allows that. The sandbox policy's bounds are applied afterwards. */
  timeoutMs(input: Readonly<Record<string, unknown>>, policy: Policy): number;
  /** What the model sees of the streams; absent: those of `show`, stdout before stderr. */
  transcript?(ending: Ending): Transcript;
  /** True if an answer that is too long is shown from its start, and says itself where it stops. Else its middle is left out. */
  readonly fromStart?: boolean;
  /** `input` as for `work`. With `fromStart`, stdout has at most so many `characters`. */
  show(ending: Ending, input: Readonly<Record<string, unknown>>, characters?: number): Shown;
}

/** The limits of one call, within those of the sandbox policy. */
export function callLimits(policy: Policy, timeoutMs: number): CallLimits {
  return {
    timeoutMs: Math.min(timeoutMs, policy.times.call_max),
    longestMs: policy.times.call_max,
    keepBytes: policy.limits.output_kept,
    outputBytes: policy.limits.output_total,
  };
}
