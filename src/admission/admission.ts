import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import type { ImageStore } from '../sandbox/image-store.ts';
import { SandboxFault, type SandboxEngine } from '../sandbox/sandbox.ts';
import { Breaker } from './breaker.ts';
import { BurstLog } from './burst-log.ts';
import { EngineQueue } from './engine-queue.ts';
import type { LiveCap } from './live-cap.ts';
import { LiveSandboxes } from './live-sandboxes.ts';
import { QueueSpeed } from './queue-speed.ts';
import { RemovalQueue } from './removal-queue.ts';
import { RetryBudget } from './retry-budget.ts';
import { StartQueue } from './start-queue.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { WarmPool } from './warm-pool.ts';

/** Upper bound of the concurrency limit, which adapts below it. Protects a remote engine whose latencies mislead the rule. */
const MAX_STARTS_IN_FLIGHT = 64;
const PING_MS = 2_000;

export interface AdmissionOptions {
  readonly engine: SandboxEngine;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly log: Log;
  /** The concurrency limit before it adapts. */
  readonly startsAtOnce: number;
  readonly cap: LiveCap;
}

export interface Admission {
  readonly starts: StartQueue;
  readonly removals: RemovalQueue;
  readonly pool: WarmPool;
  readonly live: LiveSandboxes;
  readonly concurrency: ConcurrencyLimit;
  readonly breaker: Breaker;
  readonly bursts: BurstLog;
  readonly retries: RetryBudget;
}

/** Connects the parts of this folder. Starts nothing: the pool is filled after `pool.open`. */
export function openAdmission(options: AdmissionOptions): Admission {
  const { engine, images, clock, log, startsAtOnce, cap } = options;
  const concurrency = new ConcurrencyLimit({ initial: startsAtOnce, max: MAX_STARTS_IN_FLIGHT });
  const live = new LiveSandboxes(cap.cap);
  const speed = new QueueSpeed();
  const breaker: Breaker = new Breaker({
    clock,
    ping: () => engineAnswers(engine, clock),
    onChange: (state) => {
      log.warn({ state }, 'circuit breaker of the engine changed state');
      if (state === 'half_open') concurrency.restart();
      queue.pump();
    },
  });
  const queue = new EngineQueue({ clock, concurrency, breaker, live });
  const retries = new RetryBudget(clock);
  const parts = { engine, images, clock, log, queue, concurrency, breaker, live, speed, retries };
  const starts = new StartQueue(parts);
  const removals = new RemovalQueue(parts);
  const pool = new WarmPool({ starts, removals, live, speed, clock, log, budget: cap.poolBudget });
  const bursts = new BurstLog({ clock, log, totals: () => pool.load });
  return { starts, removals, pool, live, concurrency, breaker, bursts, retries };
}

async function engineAnswers(engine: SandboxEngine, clock: Clock): Promise<boolean> {
  const deadline = Deadline.after(clock, 'engine_request', PING_MS);
  try {
    await deadline.race(engine.ping(deadline));
    return true;
  } catch (error) {
    if (error instanceof SandboxFault || error instanceof DeadlineExceeded) return false;
    throw error;
  }
}

/** The figures of this folder for /metrics. The keys are part of the metrics' names or labels. */
export function admissionSources({ starts, removals, pool, live, concurrency, breaker }: Admission) {
  return {
    starts: () => ({ waiting: starts.load.waiting, starting: starts.load.starting }),
    removals: () => removals.load,
    sandboxes: () => ({ live: live.count, cap: live.cap, warm: pool.load.ready, filling: pool.load.filling }),
    startQueue: () => ({
      width: concurrency.limit,
      expected_wait_seconds: starts.load.waitMs / 1000,
      circuit_open: breaker.state === 'closed' ? 0 : 1,
    }),
  };
}
