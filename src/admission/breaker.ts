import type { Clock } from '../kernel/clock.ts';

/** Engine faults in a row, without one success, that open the circuit. */
const FAULTS_TO_OPEN = 5;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 15_000;

export type BreakerState = 'closed' | 'open' | 'half_open';

/**
 * Keeps work away from an engine that has stopped working, so that its recovery is not met by everybody at once.
 *
 *     closed --5 engine faults in a row--> open --pause, engine answers a ping--> half_open
 *     half_open --the one piece of work let through succeeds--> closed;  --it fails--> open, pause doubled
 *
 * The pause grows from 0.5 to 15 s and is jittered. Held work keeps its place; its own deadline goes on.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #ping: () => Promise<boolean>;
  readonly #onChange: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #faults = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #reopensAt = 0;
  #probing = false;
  #cancel: () => void = () => undefined;

  /** @param parts.ping Whether the engine answers; never rejects, and has its own deadline. */
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

  /** Time until the next probe at the earliest; 0 while closed. */
  get pauseMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#reopensAt - this.#clock.monotonic()) : 0;
  }

  /** Whether work may begin now. */
  get passable(): boolean {
    return this.#state === 'closed' || (this.#state === 'half_open' && !this.#probing);
  }

  /** Work begins: in `half_open` it is the probe, and the only one. */
  begin(): void {
    if (this.#state === 'half_open') this.#probing = true;
  }

  succeeded(): void {
    this.#faults = 0;
    this.#probing = false;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#cancel();
    this.#enter('closed');
  }

  failed(): void {
    this.#faults += 1;
    this.#probing = false;
    if (this.#state === 'half_open') this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    if (this.#state === 'half_open' || (this.#state === 'closed' && this.#faults >= FAULTS_TO_OPEN))
      this.#open();
  }

  /** Ended without a word about the engine, such as the task's own fault. */
  neutral(): void {
    this.#probing = false;
  }

  /** No further probes. */
  close(): void {
    this.#cancel();
  }

  #open(): void {
    const pauseMs = this.#pauseMs * (0.75 + Math.random() / 2);
    this.#reopensAt = this.#clock.monotonic() + pauseMs;
    this.#cancel();
    this.#cancel = this.#clock.alarm(pauseMs, () => void this.#knock());
    this.#enter('open');
  }

  async #knock(): Promise<void> {
    const answered = await this.#ping();
    if (this.#state !== 'open') return;
    if (answered) {
      this.#enter('half_open');
      return;
    }
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    this.#open();
  }

  #enter(state: BreakerState): void {
    const changed = this.#state !== state;
    this.#state = state;
    if (changed) this.#onChange(state);
  }
}
