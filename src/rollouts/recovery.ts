import { QueueRefusal } from '../admission/queue-refusal.ts';
import type { RemovalQueue } from '../admission/removal-queue.ts';
import type { RetryBudget } from '../admission/retry-budget.ts';
import type { EventOf } from '../journal/event.ts';
import type { Journal } from '../journal/journal.ts';
import { pause, type Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import { errorMessage } from '../kernel/errors.ts';
import type { CauseCode } from '../outcome/causes.ts';
import { SandboxFault, type Sandbox, type SandboxEngine, type SandboxHandle } from '../sandbox/sandbox.ts';
import { intendKill } from './intended-kill.ts';
import { ReplayMismatch, ReplayOverBudget, type Replay } from './replay.ts';
import type { Rollout } from './rollout.ts';

const REMOVAL_MS = 30_000;
const FENCE_PAUSE_MS = 500;
/** Fresh sandboxes that may be lost, one after the other, while they are brought to where the first one was. */
const TRIES = 3;

type How = EventOf<'recovery_ended'>['how'];

/** A displaced rollout can't be brought back; it is lost for the cause that displaced it. */
export class NotRecovered extends Error {
  override readonly name = 'NotRecovered';
  readonly lossCause: CauseCode;

  constructor(lossCause: CauseCode, cause: unknown) {
    super(`not recovered: ${errorMessage(cause)}`, { cause });
    this.lossCause = lossCause;
  }
}

/** The old sandbox may still be running, so nothing may take its place. */
class NotFenced extends Error {
  override readonly name = 'NotFenced';
}

export interface RecoveryParts {
  readonly engine: SandboxEngine;
  readonly removals: RemovalQueue;
  readonly retries: RetryBudget;
  readonly replay: Replay;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** Gives a displaced rollout a sandbox in which everything it did was done again, with the same results. */
export class Recovery {
  readonly #parts: RecoveryParts;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /**
   * Fences the old sandbox, takes a `fresh` one and replays into it. What it took and where it failed is journaled.
   *
   * @throws NotRecovered; QueueRefusal where no fresh sandbox was to be had yet, and then the rollout is as displaced
   * as before.
   */
  async rebuildSandbox(
    rollout: Rollout,
    fresh: () => Promise<Sandbox>,
    deadline: Deadline,
  ): Promise<Sandbox> {
    const { clock, retries } = this.#parts;
    const began = clock.monotonic();
    const record = (how: How, calls: number, detail: string | null): Promise<unknown> => {
      const durationMs = Math.round(clock.monotonic() - began);
      return this.#parts.journal.append(
        { type: 'recovery_ended', ...rollout.ref, how, calls, durationMs, detail },
        { durable: true },
      );
    };
    try {
      await pause(clock, retries.spend());
      if (rollout.handle !== null) await this.#fence(rollout, rollout.handle, deadline);
      const { sandbox, calls } = await this.#replayIntoFresh(rollout, fresh, deadline);
      await record('replayed', calls, null);
      return sandbox;
    } catch (error) {
      if (rollout.displacement === null) throw error; // It was ended meanwhile.
      if (error instanceof QueueRefusal) throw error;
      await record(howOf(error), 0, errorMessage(error));
      throw new NotRecovered(rollout.displacement.cause, error);
    }
  }

  async #replayIntoFresh(
    rollout: Rollout,
    fresh: () => Promise<Sandbox>,
    deadline: Deadline,
  ): Promise<{ sandbox: Sandbox; calls: number }> {
    const { replay, removals } = this.#parts;
    for (let tries = 1; ; tries += 1) {
      const sandbox = await fresh();
      const budget = deadline.within('replay', rollout.task.policy.replay_budget.time);
      try {
        return { sandbox, calls: await replay.replayInto(rollout, sandbox, budget) };
      } catch (error) {
        sandbox.detach();
        void removals.add(sandbox.handle);
        if (!(error instanceof SandboxFault) || tries === TRIES) throw error;
      }
    }
  }

  /** Resolves once the engine has confirmed that the old sandbox is gone: two that act for one rollout are never alive. */
  async #fence(rollout: Rollout, handle: SandboxHandle, deadline: Deadline): Promise<void> {
    const { engine, clock, retries, removals, journal } = this.#parts;
    await intendKill(journal, rollout, handle, 'displaced');
    for (;;) {
      try {
        await engine.remove(handle, deadline.within('engine_request', REMOVAL_MS));
        void removals.add(handle); // For its place among the living; finds nothing left to do.
        return;
      } catch (error) {
        if (!(error instanceof SandboxFault || error instanceof DeadlineExceeded)) throw error;
        if (deadline.expired) throw new NotFenced(errorMessage(error), { cause: error });
      }
      await pause(clock, FENCE_PAUSE_MS + retries.spend());
    }
  }
}

function howOf(error: unknown): How {
  if (error instanceof ReplayMismatch) return 'mismatch';
  if (error instanceof NotFenced) return 'not_fenced';
  if (error instanceof ReplayOverBudget || error instanceof DeadlineExceeded) return 'over_budget';
  return 'failed';
}
