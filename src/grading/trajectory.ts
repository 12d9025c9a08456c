import type { Journal } from '../journal/journal.ts';
import type { Call } from '../rollouts/call.ts';
import { recordedEvent } from '../rollouts/recorded-event.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { CauseCode, Outcome } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';

/** One finished call as the model saw it, with its outcome. */
export interface TrajectoryCall {
  readonly callId: string;
  readonly tool: string;
  /** As the model sent them; null for a call that never reached a sandbox. */
  readonly arguments: unknown;
  /** The text that the model saw. */
  readonly output: string;
  readonly status: number;
  readonly attribution: Outcome['attribution'];
  readonly cause: CauseCode;
  readonly durationMs: number;
  /** Tokens of the output. An estimate: a token of ordinary text has about four bytes. */
  readonly tokens: number;
  readonly evidence: Evidence;
}

const BYTES_PER_TOKEN = 4;

export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

/** The finished calls of a rollout in order of arrival, from the journal. @throws JournalError */
export async function trajectoryOf(
  rollout: Rollout,
  journal: Journal,
  wanted: (call: Call) => boolean = () => true,
): Promise<TrajectoryCall[]> {
  const wantedCalls = [...rollout.calls.values()].filter(wanted);
  const told = await Promise.all(wantedCalls.map((call) => trajectoryCall(call, journal)));
  return told.filter((call) => call !== null);
}

async function trajectoryCall(
  { callId, intent, ending }: Call,
  journal: Journal,
): Promise<TrajectoryCall | null> {
  if (ending === null) return null;
  const finished = await recordedEvent(journal, ending.position, 'call_finished');
  const intended = intent && (await recordedEvent(journal, intent.position, 'call_intended'));
  const { outcome, output, evidence, status, durationMs, tool } = finished;
  const { attribution, cause } = outcome;
  return {
    callId,
    tool,
    arguments: intended?.arguments ?? null,
    output,
    status,
    attribution,
    cause,
    durationMs,
    tokens: estimateTokens(output),
    evidence,
  };
}

/** What a grader needs to know of a trajectory without reading it. */
export interface TrajectorySummary {
  readonly calls: number;
  readonly tools: Readonly<Record<string, number>>;
  /** Calls whose failure is the model's: its arguments, its limits. */
  readonly model_faults: number;
  readonly duration_ms: number;
  readonly output_tokens: number;
}

export function summaryOf(calls: readonly TrajectoryCall[]): TrajectorySummary {
  const tools = new Map<string, number>(); // A model may name a tool "__proto__".
  for (const { tool } of calls) tools.set(tool, (tools.get(tool) ?? 0) + 1);
  return {
    calls: calls.length,
    tools: Object.fromEntries(tools),
    model_faults: calls.filter(({ attribution }) => attribution === 'model').length,
    duration_ms: calls.reduce((sum, { durationMs }) => sum + durationMs, 0),
    output_tokens: calls.reduce((sum, { tokens }) => sum + tokens, 0),
  };
}
