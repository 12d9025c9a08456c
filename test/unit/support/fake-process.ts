import { createHash } from 'node:crypto';
import type { Clock } from '../../../src/kernel/clock.ts';
import type {
  CallLimits,
  CallNumber,
  Ending,
  KillReason,
  ReadPoint,
  StreamRecord,
} from '../../../src/protocol/messages.ts';
import type { FakeContainer } from './fake-container.ts';

/** A command of the fake, as a function. Returns its wait status; one that never returns is ended by a limit. */
export type Program = (process: FakeProcess) => number | Promise<number>;

const KILLED = 9;

/** Ends a program from within its own call of `allocate` or `print`. Thrown by those alone. */
class Killed extends Error {
  override readonly name = 'Killed';
}

/** What a program of the fake sees: the container's files, two streams, and the limits it runs under. */
export class FakeProcess {
  readonly container: FakeContainer;
  readonly #limits: CallLimits;
  readonly #streams: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  readonly #written = { stdout: 0, stderr: 0 };
  readonly #order: ReadPoint[] = [];
  #last: 'stdout' | 'stderr' | null = null;
  readonly #killed = Promise.withResolvers<number>();
  #over = false;
  #killReason: KillReason = 'none';
  #held = { bytes: 0, processes: 1 };

  constructor(container: FakeContainer, limits: CallLimits) {
    this.container = container;
    this.#limits = limits;
  }

  /** @throws Killed where the stream has become longer than a command may write. */
  print(text: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    const chunk = Buffer.from(text);
    if (this.#last !== null && this.#last !== stream)
      this.#order.push([this.#written.stdout, this.#written.stderr]);
    this.#last = stream;
    this.#streams[stream].push(chunk);
    this.#written[stream] += chunk.length;
    if (this.#written[stream] <= this.#limits.outputBytes) return;
    this.kill('output');
    throw new Killed();
  }

  /** @throws Killed where that is more than the container may hold. */
  allocate(bytes: number): void {
    const { counters } = this.container;
    this.#held.bytes += bytes;
    counters.memoryUsageBytes += bytes;
    counters.memoryPeakBytes = Math.min(
      Math.max(counters.memoryPeakBytes, counters.memoryUsageBytes),
      counters.memoryLimitBytes,
    );
    if (counters.memoryUsageBytes <= counters.memoryLimitBytes) return;
    counters.oomKills += 1;
    this.kill('none');
    throw new Killed();
  }

  /** Whether there is one more process now. */
  fork(): boolean {
    const { counters } = this.container;
    if (counters.pidsCurrent >= counters.pidsLimit) {
      counters.pidsLimitHits += 1;
      return false;
    }
    counters.pidsCurrent += 1;
    this.#held.processes += 1;
    return true;
  }

  /** Resolves when the container is so. */
  async until(condition: () => boolean): Promise<void> {
    await this.container.until(condition);
  }

  /** Nothing happens any more where the program has ended. */
  kill(reason: KillReason): void {
    if (this.#over) return;
    this.#over = true;
    this.#killReason = reason;
    this.#killed.resolve(KILLED);
  }

  /** Runs the program to its end, or to that of a limit. */
  async ending(call: CallNumber, program: Program, clock: Clock): Promise<Ending> {
    const { container } = this;
    container.counters.pidsCurrent += 1;
    const before = container.reading();
    const startedAtMs = clock.monotonic();
    const cancel = clock.alarm(this.#limits.timeoutMs, () => {
      this.kill('timeout');
    });
    const waitStatus = await Promise.race([this.#run(program), this.#killed.promise]);
    this.#over = true;
    cancel();
    await container.until(() => !container.frozen);
    container.counters.memoryUsageBytes -= this.#held.bytes;
    container.counters.pidsCurrent -= this.#held.processes;
    const streams = {
      stdout: this.#record('stdout'),
      stderr: this.#record('stderr'),
      order: this.#order,
    };
    const after = container.reading();
    const times = { startedAtMs, exitedAtMs: clock.monotonic() };
    return { ...ended(call, waitStatus), killReason: this.#killReason, ...times, ...streams, before, after };
  }

  async #run(program: Program): Promise<number> {
    try {
      return await program(this);
    } catch (error) {
      if (error instanceof Killed) return KILLED;
      throw error;
    }
  }

  #record(stream: 'stdout' | 'stderr'): StreamRecord {
    return streamRecord(Buffer.concat(this.#streams[stream]), this.#limits.keepBytes);
  }
}

/** As sandboxd keeps a stream: whole, or its first and last half. */
export function streamRecord(all: Buffer, keepBytes: number): StreamRecord {
  const sha256 = createHash('sha256').update(all).digest();
  const half = Math.floor(keepBytes / 2);
  const whole = all.length <= keepBytes;
  const head = whole ? all : all.subarray(0, half);
  const tail = whole ? new Uint8Array() : all.subarray(all.length - half);
  return { head, tail, totalBytes: all.length, sha256 };
}

/** Counters of a sandbox in which nothing has happened. */
export const COUNTERS = {
  oomKills: 0,
  memoryUsageBytes: 1,
  memoryPeakBytes: 1,
  memoryLimitBytes: 2 ** 29,
  pidsCurrent: 1,
  pidsLimit: 256,
  pidsLimitHits: 0,
  cpuUsageUs: 0,
  cpuThrottledUs: 0,
  cpuThrottledPeriods: 0,
  rootFreeBytes: 2 ** 30,
  rootFreeInodes: 1000,
};

/** The ending of a call that printed nothing. */
export function ended(call: CallNumber, waitStatus = 0): Ending {
  return {
    type: 'exited',
    call,
    waitStatus,
    killReason: 'none',
    starvedMs: 0,
    killReach: 'none',
    interpreter: 'kept',
    raised: false,
    errno: 0,
    startedAtMs: 0,
    exitedAtMs: 1,
    stdout: streamRecord(Buffer.alloc(0), 0),
    stderr: streamRecord(Buffer.alloc(0), 0),
    payload: new Uint8Array(),
    before: COUNTERS,
    after: COUNTERS,
  };
}

/** An ending as sandboxd reports it for a command that printed `text` and exited with 0. */
export function printed(call: CallNumber, text: string, waitStatus = 0): Ending {
  return { ...ended(call, waitStatus), stdout: streamRecord(Buffer.from(text), Infinity) };
}
