import type { Deadline } from '../../kernel/deadline.ts';
import type { EgressReading } from '../../outcome/evidence.ts';
import type { CallLimits, CallNumber, Work } from '../../protocol/messages.ts';
import type { CallReport, Sandbox, SandboxFault, SandboxHandle } from '../sandbox.ts';
import type { EgressSocket } from './egress-socket.ts';
import type { Egress } from './egress.ts';

/** How long a call waits for a proxy that is away; it runs in any case, and says what it found. */
const READY_MS = 30_000;

/** A sandbox with a way out: what its calls report says how that was. */
export class NetworkedSandbox implements Sandbox {
  readonly #inner: Sandbox;
  readonly #egress: Egress;
  readonly #door: EgressSocket;

  constructor(inner: Sandbox, egress: Egress, door: EgressSocket) {
    this.#inner = inner;
    this.#egress = egress;
    this.#door = door;
  }

  async run(call: CallNumber, work: Work, limits: CallLimits): Promise<CallReport> {
    // It may have begun in an earlier life of this controller, whose end shut every door.
    const goesOn = call <= this.#inner.lastCall;
    if (!goesOn) await this.#egress.ready(READY_MS);
    const mark = this.#egress.mark(this.#door);
    const ran = await this.#inner.run(call, work, limits);
    const reading = await this.#egress.since(this.#door, mark);
    const egress: EgressReading = goesOn ? { ...reading, disturbed: true } : reading;
    return { ...ran, egress };
  }

  get handle(): SandboxHandle {
    return this.#inner.handle;
  }

  get offers(): Sandbox['offers'] {
    return this.#inner.offers;
  }

  get lastCall(): CallNumber {
    return this.#inner.lastCall;
  }

  get lost(): Promise<SandboxFault> {
    return this.#inner.lost;
  }

  answers(deadline: Deadline): Promise<void> {
    return this.#inner.answers(deadline);
  }

  acknowledge(call: CallNumber): void {
    this.#inner.acknowledge(call);
  }

  cancel(call: CallNumber): void {
    this.#inner.cancel(call);
  }

  detach(): void {
    this.#inner.detach();
  }
}
