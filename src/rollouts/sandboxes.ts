import type { RemovalQueue } from '../admission/removal-queue.ts';
import type { QueuePlace, SandboxSupply } from '../admission/sandbox-supply.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import { SingleFlight } from '../kernel/single-flight.ts';
import { attribute } from '../outcome/attribute.ts';
import { causes } from '../outcome/causes.ts';
import type { Evidence } from '../outcome/evidence.ts';
import { replays, type Task } from '../policy/schema.ts';
import type { PostMortem, Sandbox, SandboxEngine, SandboxFault, SandboxSpec } from '../sandbox/sandbox.ts';
import type { Recovery } from './recovery.ts';
import { setUp } from './set-up.ts';
import type { EndReason, Rollout } from './rollout.ts';

const POST_MORTEM_MS = 10_000;
/** A rollout whose sandboxes keep being lost is told so rather than replayed for ever. */
const MOST_RECOVERIES = 5;
/** Bounds of what a requester is told to wait before it asks again. */
const SHORTEST_AWAY_MS = 5_000;
const LONGEST_AWAY_MS = 30_000;

/** Gives rollouts their sandboxes, finds out how a sandbox was lost, and ends rollouts. */
export class Sandboxes {
  readonly #supply: SandboxSupply;
  readonly #removals: RemovalQueue;
  readonly #engine: SandboxEngine;
  readonly #recovery: Recovery;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #claims = new SingleFlight<Rollout, Sandbox>();
  /** Aborted where a rollout no longer wants the sandbox it waits for. */
  readonly #leaving = new Map<Rollout, AbortController>();
  readonly #autopsies = new SingleFlight<Rollout, PostMortem>();

  constructor(parts: {
    supply: SandboxSupply;
    removals: RemovalQueue;
    engine: SandboxEngine;
    recovery: Recovery;
    journal: Journal;
    clock: Clock;
  }) {
    this.#supply = parts.supply;
    this.#removals = parts.removals;
    this.#engine = parts.engine;
    this.#recovery = parts.recovery;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  /**
   * The rollout's sandbox, claimed on first use and rebuilt on the first use after a displacement. A rebuild needs
   * the rollout's turn, so that no other call's ending is on its way into the journal.
   *
   * @throws SandboxFault or QueueRefusal as `SandboxSupply.acquireSandbox`; SetupFailed; NotRecovered.
   */
  async of(rollout: Rollout, deadline: Deadline): Promise<Sandbox> {
    return rollout.sandbox ?? (await this.#claims.run(rollout, () => this.#claim(rollout, deadline)));
  }

  async #claim(rollout: Rollout, deadline: Deadline): Promise<Sandbox> {
    const fresh = (): Promise<Sandbox> => this.#fresh(rollout, deadline);
    const sandbox =
      rollout.displacement === null ? await fresh() : await this.#recovery.rebuild(rollout, fresh, deadline);
    const attempt = 1 + rollout.recoveries + (rollout.displacement === null ? 0 : 1);
    await this.#orRemove(sandbox, () =>
      this.#journal.append(
        { type: 'sandbox_claimed', rollout: rollout.id, handle: sandbox.handle, attempt },
        { durable: true },
      ),
    );
    this.adopt(rollout, sandbox);
    return sandbox;
  }

  /** A sandbox in which the task's set-up has run, and nothing else. */
  async #fresh(rollout: Rollout, deadline: Deadline): Promise<Sandbox> {
    const sandbox = await this.#take(rollout, deadline);
    rollout.skipNumbers(sandbox.lastCall);
    await this.#orRemove(sandbox, () => setUp(rollout, sandbox));
    return sandbox;
  }

  async #orRemove(sandbox: Sandbox, step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      void this.#removals.add(sandbox.handle);
      throw error;
    }
  }

  async #take(rollout: Rollout, deadline: Deadline): Promise<Sandbox> {
    const leaving = new AbortController();
    this.#leaving.set(rollout, leaving);
    const { ownUser } = rollout.handle ?? {};
    try {
      return await this.#supply.acquireSandbox({
        spec: { ...specOf(rollout.task), ...(ownUser !== undefined && { ownUser }) },
        job: rollout.job,
        rollout: rollout.id,
        deadline,
        leave: leaving.signal,
        onFault: (fault) => void this.#recordAttempt(rollout, 'sandbox_start', fault),
      });
    } finally {
      this.#leaving.delete(rollout);
    }
  }

  /** Where the rollout stands that waits for its sandbox; null where it waits for none. */
  place(rollout: Rollout): QueuePlace | null {
    return this.#supply.queuePlaceOf(rollout.id);
  }

  /**
   * When to ask again for a rollout that has no sandbox yet: soon where its place comes soon, and in any case before
   * the place is given up; where it has none, once the queue is short enough for somebody this patient.
   */
  retryAfterMs(rollout: Rollout, patienceMs: number): number {
    const place = this.place(rollout);
    if (place !== null) return Math.min(place.expectedWaitMs, LONGEST_AWAY_MS);
    return Math.max(SHORTEST_AWAY_MS, this.#supply.load.waitMs - patienceMs);
  }

  /** Gives up the place of a rollout that nobody waits for any more; a start that has begun goes on. */
  leave(rollout: Rollout): void {
    this.#leaving.get(rollout)?.abort();
  }

  /** Binds a claimed sandbox to its rollout and watches it. One that ended meanwhile gets its sandbox removed. */
  adopt(rollout: Rollout, sandbox: Sandbox): void {
    this.#supply.countAdopted(sandbox.handle);
    if (rollout.state === 'ended') {
      void this.#removals.add(sandbox.handle);
      return;
    }
    rollout.claim(sandbox);
    void sandbox.lost.then(async (fault) => {
      if (rollout.sandbox !== sandbox) return;
      const evidence = await this.lossEvidence(rollout, fault);
      if (!(await this.displace(rollout, evidence))) await this.giveUp(rollout, evidence);
    });
  }

  async #recordAttempt(rollout: Rollout, step: string, fault: SandboxFault): Promise<void> {
    await this.#journal.append(
      {
        type: 'attempt_failed',
        rollout: rollout.id,
        call: null,
        step,
        code: fault.code,
        message: fault.message,
      },
      { durable: false },
    );
  }

  /** What is known about the loss, from engine and host. Asked once per rollout. */
  async lossEvidence(rollout: Rollout, fault: SandboxFault): Promise<Evidence> {
    if (rollout.state === 'ended') return { kind: 'rollout_over', how: rollout.endReason ?? 'stopped' };
    if (rollout.displacement !== null) return rollout.displacement.evidence;
    const { handle } = rollout;
    if (handle === null) return { kind: 'no_sandbox', fault: fault.code };
    const deadline = Deadline.after(this.#clock, 'engine_request', POST_MORTEM_MS);
    const postMortem = await this.#autopsies.run(rollout, () => this.#engine.postMortem(handle, deadline));
    return { kind: 'sandbox_lost', fault: fault.code, executed: fault.executed, postMortem };
  }

  /**
   * Whether the rollout may go on in another sandbox, since this one was lost to infrastructure. From then on it is
   * displaced, and its next use of a sandbox rebuilds it. Asked again about the same loss, says so again.
   */
  async displace(rollout: Rollout, evidence: Evidence): Promise<boolean> {
    if (rollout.handle === null || rollout.state === 'lost' || rollout.state === 'ended') return false;
    if (!mayRecover(rollout, evidence)) return false;
    if (rollout.displacement !== null) return true;
    rollout.sandbox?.detach();
    const { cause } = attribute(evidence);
    rollout.displace({ cause, evidence });
    await this.#journal.append(
      { type: 'rollout_displaced', rollout: rollout.id, cause, evidence },
      { durable: true },
    );
    return true;
  }

  /** The rollout can't go on; its sandbox, or what is left of it, is removed. The first cause sticks. */
  async giveUp(rollout: Rollout, evidence: Evidence): Promise<void> {
    if (rollout.state === 'lost' || rollout.state === 'ended') return;
    const { cause } = attribute(evidence);
    rollout.sandbox?.detach();
    rollout.lose(cause);
    await this.#journal.append(
      { type: 'rollout_lost', rollout: rollout.id, cause, evidence },
      { durable: true },
    );
    if (rollout.handle !== null) void this.#removals.add(rollout.handle);
  }

  /** Ends a rollout in order: no further calls, the end recorded, the kill recorded before it happens. */
  async end(rollout: Rollout, reason: EndReason): Promise<void> {
    const { sandbox, handle } = rollout;
    const had = rollout.state === 'live' || rollout.state === 'displaced';
    if (!rollout.end(reason)) return;
    this.leave(rollout);
    await rollout.recordEnd(this.#journal);
    if (!had || handle === null) return;
    await this.#journal.append(
      { type: 'kill_intended', handle, rollout: rollout.id, reason },
      { durable: true },
    );
    sandbox?.detach();
    void this.#removals.add(handle);
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
 * Only what infrastructure took, or what nobody can tell because our own evidence was down; and only where a replay
 * is possible, or where there is nothing to replay.
 */
function mayRecover(rollout: Rollout, evidence: Evidence): boolean {
  if (!aboutASandbox.has(evidence.kind) || rollout.recoveries >= MOST_RECOVERIES) return false;
  const { cause, executed } = attribute(evidence);
  const { attribution, endsRollout } = causes[cause];
  const untouched = executed === 'no' && rollout.uploads.length === 0 && !rollout.hasRun;
  return (
    endsRollout &&
    (attribution === 'infra' || cause === 'blind') &&
    (replays(rollout.task.policy) || untouched)
  );
}

export function specOf({ image, policy }: Task): SandboxSpec {
  return { image, policy, poolClass: `${generationOf(image)}/${generationOf(policy)}` };
}

function generationOf({
  name,
  generation = 1,
}: {
  readonly name: string;
  readonly generation?: number;
}): string {
  return generation === 1 ? name : `${name}@${String(generation)}`;
}
