import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import type { Evidence } from '../outcome/evidence.ts';
import type { CallLimits } from '../protocol/messages.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import { ownTimeMs } from '../rollouts/command-time.ts';
import { HOLD_MS } from './held-requests.ts';
import type { JudgedEnding } from './judged-ending.ts';

/** Time between a command's time limit and the reply: kill, journal, network. */
const REPLY_MARGIN_MS = 15_000;

/** How long a call waits for the call lock: the wait, its command and the reply must fit into one held request. */
export function callLockDeadline(clock: Clock, limits: CallLimits): Deadline {
  return Deadline.after(clock, 'turn_wait', HOLD_MS - limits.timeoutMs - REPLY_MARGIN_MS);
}

/** A wait for the call lock. If it was in vain, it matters whether the model or infrastructure lengthened the earlier calls. */
export class LockWait {
  readonly #rollout: Rollout;
  readonly #clock: Clock;
  readonly #beganMs: number;
  readonly #heldUpMs: number;

  constructor(rollout: Rollout, clock: Clock) {
    this.#rollout = rollout;
    this.#clock = clock;
    this.#beganMs = clock.monotonic();
    this.#heldUpMs = rollout.heldUpTime.totalMs(clock);
  }

  /** To be called when the deadline has passed. */
  evidence(): Evidence {
    const waitMs = Math.round(this.#clock.monotonic() - this.#beganMs);
    const heldUpMs = Math.round(this.#rollout.heldUpTime.totalMs(this.#clock) - this.#heldUpMs);
    return { kind: 'turn_expired', waitMs, heldUpMs: Math.min(waitMs, heldUpMs) };
  }
}

/** With the lock: waits for the rollout's sandbox. Where it has none, everybody who waits for the lock is held up. */
export async function heldUp<T>(rollout: Rollout, clock: Clock, sandbox: () => Promise<T>): Promise<T> {
  using _held = rollout.sandbox === null ? rollout.heldUpTime.begin(clock) : null;
  return await sandbox();
}

/** With the lock: runs the command, and notes how much of the time was its own and how much infrastructure's. */
export async function withNotedTime(
  rollout: Rollout,
  clock: Clock,
  run: () => Promise<JudgedEnding>,
): Promise<JudgedEnding> {
  const began = clock.monotonic();
  const own = { ms: 0 };
  using _running = rollout.commandTime.begin(clock, own);
  const judged = await run();
  const lastedMs = clock.monotonic() - began;
  const durationMs = judged.run === null ? 0 : judged.run.exitedAtMs - judged.run.startedAtMs;
  own.ms = ownTimeMs(judged, durationMs);
  const { attribution } = judged.outcome;
  rollout.heldUpTime.add(attribution === 'infra' ? lastedMs : judged.heldUpMs);
  return judged;
}
