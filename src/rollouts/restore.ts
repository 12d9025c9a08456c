import type { RemovalQueue } from '../admission/removal-queue.ts';
import { inRollout } from '../journal/event.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { jobId, rolloutId, type CallId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { judge } from '../outcome/attribute.ts';
import { RULES } from '../outcome/rules.ts';
import { render } from '../outcome/render.ts';
import { compose } from '../outcome/transcript.ts';
import type { Catalog } from '../policy/schema.ts';
import { SandboxFault, type Sandbox, type SandboxEngine, type SandboxHandle } from '../sandbox/sandbox.ts';
import type { Call } from './call.ts';
import { verdictOfKept } from './kept-verdict.ts';
import { PastRollouts, type PastRollout } from './past-rollouts.ts';
import type { Rollouts } from './registry.ts';
import type { VerdictIndex } from './verdict-index.ts';
import { Rollout } from './rollout.ts';
import type { Sandboxes } from './sandboxes.ts';

const ADOPTION_MS = 30_000;
const LISTING_MS = 30_000;
/** Of rollouts that a log line names. */
const EXAMPLES = 3;

/** A call that was intended before the restart and has no durable result: to be continued under its number. */
export interface InterruptedCall {
  readonly rollout: Rollout;
  readonly call: Call;
  readonly arguments: unknown;
}

export interface RestoreParts {
  readonly catalog: Catalog;
  readonly journal: Journal;
  readonly engine: SandboxEngine;
  readonly rollouts: Rollouts;
  readonly index: Pick<VerdictIndex, 'find' | 'status'>;
  readonly sandboxes: Pick<Sandboxes, 'binding' | 'losses'>;
  readonly removals: RemovalQueue;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Brings back what an earlier life of this controller left: rollouts and answers from the journal, sandboxes by
 * their labels. A claimed sandbox that still answers is adopted; every other one of ours is removed.
 */
export async function restore(parts: RestoreParts): Promise<InterruptedCall[]> {
  const past = new PastRollouts();
  for await (const { event, position } of parts.journal.events()) past.add(event, position);
  const found = await parts.engine.list(Deadline.after(parts.clock, 'engine_request', LISTING_MS));
  const byId = new Map(found.map((handle) => [handle.id, handle]));
  const interrupted: InterruptedCall[] = [];
  const taskless: PastRollout[] = [];
  const { gap } = parts.index.status;
  const adoptions = [...past.byKey.values()].map(async (one) => {
    const spansGap = gap !== null && one.openedAt <= gap.since;
    if (isPartOnly(parts, one) || (spansGap && one.end !== null)) return; // The index has what is known of it.
    const rollout = reviveRollout(parts, one, spansGap);
    if (rollout === null) {
      taskless.push(one);
      await endOpenCalls(parts, one);
      return;
    }
    const calls = reviveCalls(rollout, one);
    await reviveState(parts, rollout, one, byId);
    interrupted.push(...calls);
  });
  await Promise.all(adoptions);
  warnOfTaskless(parts.log, taskless);
  for (const handle of byId.values()) void parts.removals.add(handle);
  parts.log.info(
    {
      rollouts: past.byKey.size,
      sandboxes: found.length,
      unclaimed: byId.size,
      interrupted: interrupted.length,
    },
    'restored',
  );
  return interrupted;
}

/** One line for all: a task that was renamed may have thousands of rollouts in the journal. */
function warnOfTaskless(log: Log, taskless: readonly PastRollout[]): void {
  if (taskless.length === 0) return;
  const tasks = [...new Set(taskless.map(({ task }) => task))];
  const examples = taskless.slice(0, EXAMPLES).map(({ id }) => id);
  log.warn({ rollouts: taskless.length, tasks, examples }, 'rollouts of tasks that are configured no more');
}

/**
 * The index has read more of it than is left in the journal: files were lost or removed since. It can neither be judged nor
 * rebuilt from the rest.
 */
function isPartOnly({ index }: RestoreParts, past: PastRollout): boolean {
  const found = index.find(past.id, past.namedJob);
  if (found.kind !== 'kept') return false;
  const { kept } = found;
  const { calls, pending } = verdictOfKept(kept).counts;
  const finished = past.calls.values().filter(({ ending }) => ending !== null);
  return (
    calls > past.calls.size + past.clientFaults.length ||
    calls - pending > [...finished].length + past.clientFaults.length ||
    kept.recoveries > past.recoveries ||
    (kept.loss !== null && past.lossCause === null) ||
    (kept.end !== null && past.end === null)
  );
}

/**
 * A call that was interrupted can't be continued without its task. The rollout's other calls stay as they are, and the index
 * has its verdict; a further call ends as `task_removed` too.
 */
async function endOpenCalls({ journal, clock }: RestoreParts, past: PastRollout): Promise<void> {
  const evidence = { kind: 'lost_before', cause: 'task_removed' } as const;
  const judged = { ...judge(evidence), rules: RULES };
  const { status, transcript } = render(judged.outcome, null);
  const output = compose(transcript);
  const { id: rollout, namedJob } = past;
  for (const { callId: call, tool, argumentsSha256, intent, ending, at } of past.calls.values()) {
    if (ending !== null) continue;
    const number = intent?.number ?? null;
    const durationMs = Math.max(0, clock.now() - at);
    const told = { call, tool, number, argumentsSha256, ...judged, status, output, durationMs };
    await journal.append(
      { type: 'call_finished', ...inRollout(rollout, namedJob), ...told, result: null },
      { durable: true },
    );
  }
}

/** Null where its task is configured no more. */
function reviveRollout(
  { catalog, rollouts }: RestoreParts,
  past: PastRollout,
  spansGap: boolean,
): Rollout | null {
  const task = catalog.tasks.get(past.task);
  if (task === undefined) return null;
  const rollout = new Rollout({
    id: rolloutId(past.id),
    ...(past.namedJob !== null && { namedJob: jobId(past.namedJob) }),
    task,
    job: jobId(past.job),
    openedAt: past.openedAt,
    unsure: past.unsure || spansGap,
  });
  rollout.skipNumbers(past.lastNumber);
  rollout.skipRecoveries(past.recoveries);
  for (const cause of past.clientFaults) rollout.noteClientFault(cause);
  rollout.uploads.push(...past.uploads);
  rollout.commandTime.add(past.commandsMs);
  if (past.handle !== null) rollout.hadSandbox(past.handle);
  rollouts.add(rollout);
  return rollout;
}

/** Enters the past calls; returns those without an ending. */
function reviveCalls(rollout: Rollout, past: PastRollout): InterruptedCall[] {
  const interrupted: InterruptedCall[] = [];
  const inOrder = [...past.calls.values()].toSorted((a, b) => a.at - b.at);
  for (const one of inOrder) {
    const call = rollout.addCall({
      ...{ callId: one.callId as CallId, clientId: one.clientCall as CallId | undefined },
      ...{ occurrence: one.occurrence, tool: one.tool, argumentsSha256: one.argumentsSha256 },
    });
    call.restore(one);
    if (one.callsAtDelivery !== null) call.noteDelivery(one.callsAtDelivery);
    if (one.ending === null) interrupted.push({ rollout, call, arguments: one.arguments });
  }
  rollout.lastActivityAt = past.lastActivityAt;
  return interrupted;
}

/** Without a sandbox the rollout is displaced or lost; its open calls, when continued, rebuild it or end as that. */
async function reviveState(
  parts: RestoreParts,
  rollout: Rollout,
  past: PastRollout,
  found: Map<string, SandboxHandle>,
): Promise<void> {
  if (past.lossCause !== null) rollout.markLost(past.lossCause);
  else if (past.displacement !== null) rollout.markDisplaced(past.displacement);
  if (past.end !== null) rollout.markEnded(past.end);
  if (past.handle === null || rollout.state !== 'opened') return;
  const { binding, losses } = parts.sandboxes;
  const sandbox = found.has(past.handle.id) ? await attach(parts, past.handle) : null;
  if (sandbox === null) {
    await losses.settleLoss(rollout, judge({ kind: 'controller_restarted' }));
    return;
  }
  found.delete(past.handle.id);
  rollout.skipNumbers(sandbox.lastCall);
  binding.bindSandbox(rollout, sandbox);
}

async function attach({ engine, clock, log }: RestoreParts, handle: SandboxHandle): Promise<Sandbox | null> {
  try {
    return await engine.adopt(handle, Deadline.after(clock, 'engine_request', ADOPTION_MS));
  } catch (error) {
    if (!(error instanceof SandboxFault || error instanceof DeadlineExceeded)) throw error;
    log.warn({ sandbox: handle.id, error: error.message }, 'sandbox not adopted');
    return null;
  }
}
