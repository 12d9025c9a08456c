import type { Deadline } from '../../kernel/deadline.ts';
import type { EgressReading } from '../../outcome/evidence.ts';
import type { CallLimits, CallNumber, Work } from '../../protocol/messages.ts';
import type { CallReport, Sandbox, SandboxFault, SandboxHandle } from '../sandbox.ts';
import type { EgressSocket } from './egress-socket.ts';
import type { Egress } from './egress.ts';

/** How long a call waits for a proxy that does not answer. After that it runs; its report shows whether it was affected. */
const READY_MS = 30_000;

/** A sandbox with an egress socket: the reports of its calls contain an `EgressReading`. */
export class NetworkedSandbox implements Sandbox {
  readonly #inner: Sandbox;
  readonly #egress: Egress;
  readonly #egressSocket: EgressSocket;

  constructor(inner: Sandbox, egress: Egress, egressSocket: EgressSocket) {
    this.#inner = inner;
    this.#egress = egress;
    this.#egressSocket = egressSocket;
  }

  async run(call: CallNumber, work: Work, limits: CallLimits): Promise<CallReport> {
    // Such a call began under an earlier process of this controller; its end closed every egress socket.
    const goesOn = call <= this.#inner.lastCall;
    const waitedMs = goesOn ? 0 : await this.#egress.ready(READY_MS);
    const mark = this.#egress.mark(this.#egressSocket);
    const ran = await this.#inner.run(call, work, limits);
    const reading = await this.#egress.since(this.#egressSocket, mark);
    const egress: EgressReading = goesOn ? { ...reading, disturbed: true } : reading;
    return { ...ran, egress, waitedMs };
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
