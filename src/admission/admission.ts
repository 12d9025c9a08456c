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

/** The width is found; this only keeps a rule that misreads a remote engine from running away. */
const MOST_STARTS = 64;
const PING_MS = 2_000;

export interface AdmissionOptions {
  readonly engine: SandboxEngine;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts in flight to begin with. */
  readonly startsAtOnce: number;
  readonly cap: LiveCap;
}

export interface Admission {
  readonly starts: StartQueue;
  readonly removals: RemovalQueue;
  readonly pool: WarmPool;
  readonly live: LiveSandboxes;
  readonly width: ConcurrencyLimit;
  readonly breaker: Breaker;
  readonly bursts: BurstLog;
  readonly retries: RetryBudget;
}

/** Puts the parts of this folder together. Nothing runs until somebody asks, and no pool is filled until it is opened. */
export function openAdmission(options: AdmissionOptions): Admission {
  const { engine, images, clock, log, startsAtOnce, cap } = options;
  const width = new ConcurrencyLimit({ initial: startsAtOnce, max: MOST_STARTS });
  const live = new LiveSandboxes(cap.cap);
  const speed = new QueueSpeed();
  const breaker: Breaker = new Breaker({
    clock,
    ping: () => answers(engine, clock),
    onChange: (state) => {
      log.warn({ state }, 'engine circuit');
      if (state === 'half_open') width.restart();
      queue.kick();
    },
  });
  const queue = new EngineQueue({ clock, width, breaker, live });
  const retries = new RetryBudget(clock);
  const parts = { engine, images, clock, log, queue, width, breaker, live, speed, retries };
  const starts = new StartQueue(parts);
  const removals = new RemovalQueue(parts);
  const pool = new WarmPool({ starts, removals, live, speed, clock, log, budget: cap.poolBudget });
  const bursts = new BurstLog({ clock, log, totals: () => pool.load });
  return { starts, removals, pool, live, width, breaker, bursts, retries };
}

async function answers(engine: SandboxEngine, clock: Clock): Promise<boolean> {
  const deadline = Deadline.after(clock, 'engine_request', PING_MS);
  try {
    await deadline.race(engine.ping(deadline));
    return true;
  } catch (error) {
    if (error instanceof SandboxFault || error instanceof DeadlineExceeded) return false;
    throw error;
  }
}

/** What metrics and `top` show of this folder. */
export function admissionSources({ starts, removals, pool, live, width, breaker }: Admission) {
  return {
    starts: () => ({ waiting: starts.load.waiting, starting: starts.load.starting }),
    removals: () => removals.load,
    sandboxes: () => ({ live: live.count, cap: live.cap, warm: pool.load.ready, filling: pool.load.filling }),
    startQueue: () => ({
      width: width.width,
      expected_wait_seconds: starts.load.waitMs / 1000,
      circuit_open: breaker.state === 'closed' ? 0 : 1,
    }),
  };
}
