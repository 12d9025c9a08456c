import type { Clock } from '../kernel/clock.ts';

/** Consecutive engine faults that open the circuit. */
const FAULTS_TO_OPEN = 5;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 15_000;

export type BreakerState = 'closed' | 'open' | 'half_open';

/**
 * Circuit breaker for the engine: after repeated faults no work begins until the engine answers again.
 *
 *     closed --5 consecutive engine faults--> open --pause, then the engine answers a ping--> half_open
 *     half_open --the one admitted start or removal succeeds--> closed;  --it fails--> open, pause doubled
 *
 * The pause doubles from 0.5 s to 15 s, with jitter. Waiting work keeps its place, and its deadline continues to run.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #ping: () => Promise<boolean>;
  readonly #onChange: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #faults = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #pingAt = 0;
  #probing = false;
  #cancelPing: () => void = () => undefined;

  /** @param parts.ping Whether the engine answers. Never rejects; has its own deadline. */
  constructor(parts: {
    clock: Clock;
    ping: () => Promise<boolean>;
    onChange: (state: BreakerState) => void;
  }) {
    this.#clock = parts.clock;
    this.#ping = parts.ping;
    this.#onChange = parts.onChange;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Time until the next ping; 0 unless the circuit is open. */
  get pauseMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#pingAt - this.#clock.monotonic()) : 0;
  }

  /** Whether work may begin now. */
  get passable(): boolean {
    return this.#state === 'closed' || (this.#state === 'half_open' && !this.#probing);
  }

  /** To be called when work begins. In `half_open` this work is the probe; no other begins beside it. */
  begin(): void {
    if (this.#state === 'half_open') this.#probing = true;
  }

  succeeded(): void {
    this.#faults = 0;
    this.#probing = false;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#cancelPing();
    this.#setState('closed');
  }

  failed(): void {
    this.#faults += 1;
    this.#probing = false;
    if (this.#state === 'half_open') this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    if (this.#state === 'half_open' || (this.#state === 'closed' && this.#faults >= FAULTS_TO_OPEN))
      this.#open();
  }

  /** Work has ended in a way that says nothing about the engine, such as a fault of the task. */
  neutral(): void {
    this.#probing = false;
  }

  /** Stops pinging the engine. */
  close(): void {
    this.#cancelPing();
  }

  #open(): void {
    const pauseMs = this.#pauseMs * (0.75 + Math.random() / 2);
    this.#pingAt = this.#clock.monotonic() + pauseMs;
    this.#cancelPing();
    this.#cancelPing = this.#clock.alarm(pauseMs, () => void this.#pingEngine());
    this.#setState('open');
  }

  async #pingEngine(): Promise<void> {
    const answered = await this.#ping();
    if (this.#state !== 'open') return;
    if (answered) {
      this.#setState('half_open');
      return;
    }
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    this.#open();
  }

  #setState(state: BreakerState): void {
    const changed = this.#state !== state;
    this.#state = state;
    if (changed) this.#onChange(state);
  }
}
