import type { z } from 'zod';
import type { Need } from '../outcome/evidence.ts';
import type { ToolResult } from '../outcome/result.ts';
import type { Policy } from '../policy/schema.ts';
import type { CallLimits, Ending, Work } from '../protocol/messages.ts';

/** What a tool shows of an ending; the conductor adds notice and duration. */
export type Shown = Pick<ToolResult, 'exit_code' | 'signal' | 'stdout' | 'stderr' | 'truncated'>;

/**
 * One tool: the model's arguments to work for sandboxd, and sandboxd's ending to what is shown. Both pure, so
 * that a call can be continued after a restart from its journaled arguments.
 */
export interface Tool {
  readonly name: string;
  /** For the tool definition the model is given. */
  readonly description: string;
  readonly parameters: z.ZodObject;
  readonly need: Need;
  /** Tokens of its answers; absent: the task's or the policy's. */
  readonly answerTokens?: number | undefined;
  /** It changes nothing in the sandbox. */
  readonly readOnly?: boolean;
  /** `input` has passed `parameters`. */
  work(input: Readonly<Record<string, unknown>>, policy: Policy): Work;
  /** What the model asked for as wall limit, if the tool lets it; the policy's bounds come after. */
  timeoutMs(input: Readonly<Record<string, unknown>>, policy: Policy): number;
  show(ending: Ending): Shown;
}

/** The limits of one call, clamped to the policy. */
export function callLimits(policy: Policy, timeoutMs: number): CallLimits {
  return {
    timeoutMs: Math.min(timeoutMs, policy.times.call_max),
    keepBytes: policy.limits.output_kept,
    outputBytes: policy.limits.output_total,
  };
}
