import { QueueRefusal } from '../admission/queue-refusal.ts';
import type { RemovalQueue } from '../admission/removal-queue.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { SingleFlight } from '../kernel/single-flight.ts';
import { judge, type Judged } from '../outcome/attribute.ts';
import { causes } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import { RULES } from '../outcome/rules.ts';
import { replays } from '../policy/schema.ts';
import { SandboxFault, type PostMortem, type SandboxEngine } from '../sandbox/sandbox.ts';
import { intendKill } from './intended-kill.ts';
import { NotRecovered } from './recovery.ts';
import type { Rollout } from './rollout.ts';
import { SetupFailed } from './set-up.ts';

const POST_MORTEM_MS = 10_000;
/** A rollout whose sandboxes keep being lost is lost in the end, rather than rebuilt for ever. */
const MOST_RECOVERIES = 5;

/**
 * What an ending means for the rollout. `kept`: it goes on as it is. `rebuild`: its sandbox is lost, and the next
 * use of a sandbox rebuilds it. `lost`: no call can run any more.
 */
export type Fate = 'kept' | 'rebuild' | 'lost';

export interface LossParts {
  readonly engine: SandboxEngine;
  readonly removals: RemovalQueue;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** Finds out how a sandbox was lost. The only place that decides whether its rollout is rebuilt or lost. */
export class Losses {
  readonly #parts: LossParts;
  readonly #postMortems = new SingleFlight<Rollout, PostMortem>();

  constructor(parts: LossParts) {
    this.#parts = parts;
  }

  /**
   * Everything that work in a sandbox may throw, as evidence. The one place where that is caught to be judged.
   *
   * @throws the error itself where it is none of these: a bug.
   */
  async evidenceOf(rollout: Rollout, error: unknown): Promise<Evidence> {
    if (error instanceof SandboxFault) return await this.#lossEvidence(rollout, error);
    if (error instanceof QueueRefusal || error instanceof DeadlineExceeded)
      return rollout.overEvidence ?? { kind: 'queue_expired' };
    if (error instanceof SetupFailed) return { kind: 'setup_failed' };
    if (error instanceof NotRecovered) return { kind: 'lost_before', cause: error.lossCause };
    throw error;
  }

  /** For a loss outside any call: judged here, as a call's ending is judged in `tools/finding.ts`. Throws as `evidenceOf`. */
  async settleError(rollout: Rollout, error: unknown): Promise<Fate> {
    return await this.settleLoss(rollout, judge(await this.evidenceOf(rollout, error)));
  }

  /**
   * Decides what the ending means for the rollout, and makes it so: durable in the journal, and the sandbox of a lost
   * rollout on its way out. The first decision about a sandbox sticks; asked again about it, gives the same answer.
   */
  async settleLoss(rollout: Rollout, judged: Judged): Promise<Fate> {
    if (!causes[judged.outcome.cause].endsRollout) return 'kept';
    if (rollout.state === 'lost' || rollout.state === 'ended') return 'lost';
    if (!mayRecover(rollout, judged)) {
      await this.#markLost(rollout, judged);
      return 'lost';
    }
    if (rollout.displacement === null) await this.#markDisplaced(rollout, judged);
    return 'rebuild';
  }

  async #markDisplaced(rollout: Rollout, { evidence, outcome: { cause } }: Judged): Promise<void> {
    rollout.sandbox?.detach();
    rollout.markDisplaced({ cause, evidence });
    await this.#parts.journal.append(
      { type: 'rollout_displaced', ...rollout.ref, cause, evidence, rules: RULES },
      { durable: true },
    );
  }

  async #markLost(rollout: Rollout, { evidence, outcome: { cause } }: Judged): Promise<void> {
    rollout.sandbox?.detach();
    rollout.markLost(cause);
    await this.#parts.journal.append(
      { type: 'rollout_lost', ...rollout.ref, cause, evidence, rules: RULES },
      { durable: true },
    );
    const { handle } = rollout;
    if (handle === null) return;
    await intendKill(this.#parts.journal, rollout, handle, 'lost');
    void this.#parts.removals.add(handle);
  }

  /** What engine and host say about the loss. They are asked once for each, however many calls it hit. */
  async #lossEvidence(rollout: Rollout, fault: SandboxFault): Promise<Evidence> {
    const { end } = rollout;
    if (end !== null) return { kind: 'rollout_over', ...end, executed: fault.executed };
    if (rollout.displacement !== null) return rollout.displacement.evidence;
    const { handle } = rollout;
    if (handle === null) return { kind: 'no_sandbox', fault: fault.code };
    const { engine, clock } = this.#parts;
    const deadline = Deadline.after(clock, 'engine_request', POST_MORTEM_MS);
    const postMortem = await this.#postMortems.run(rollout, () => engine.postMortem(handle, deadline));
    return { kind: 'sandbox_lost', fault: fault.code, executed: fault.executed, postMortem };
  }
}

/** Evidence of how a sandbox was lost, rather than of why there is none. */
const aboutASandbox: ReadonlySet<Evidence['kind']> = new Set([
  'sandbox_lost',
  'ended',
  'not_started',
  'controller_restarted',
]);

/**
 * For an ending after which the sandbox can't be used: only where infrastructure caused it, or where our own evidence
 * was down (`blind`); and only where a replay is possible, or where there is nothing to replay.
 */
function mayRecover(rollout: Rollout, { evidence, outcome }: Judged): boolean {
  if (rollout.handle === null || !aboutASandbox.has(evidence.kind)) return false;
  if (rollout.recoveries >= MOST_RECOVERIES) return false;
  const untouched = outcome.executed === 'no' && rollout.uploads.length === 0 && !rollout.hasRun;
  return (
    (causes[outcome.cause].attribution === 'infra' || outcome.cause === 'blind') &&
    (replays(rollout.task.policy) || untouched)
  );
}
