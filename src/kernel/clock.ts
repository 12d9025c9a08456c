/** The only source of timers. Code that waits takes a `Clock`, so that tests can control time. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. For records only; never subtract two of these. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary start. */
  monotonic(): number;
  /** Calls `wake` once after `ms`. The returned function cancels the alarm; a second cancel has no effect. */
  alarm(ms: number, wake: () => void): () => void;
}

/** Longest delay of a Node timer. A longer alarm fires after this time, too early. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  alarm(ms, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `ms`, or as soon as `signal` is aborted. Never rejects. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const wake = (): void => {
      cancel();
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.alarm(ms, wake);
    signal?.addEventListener('abort', wake, { once: true });
  });
}
