import type { Clock } from '../../../src/kernel/clock.ts';
import type { Deadline } from '../../../src/kernel/deadline.ts';
import type { Executed } from '../../../src/outcome/evidence.ts';
import type { CallLimits, CallNumber, Work } from '../../../src/protocol/messages.ts';
import {
  SandboxFault,
  type CallReport,
  type Sandbox,
  type SandboxHandle,
} from '../../../src/sandbox/sandbox.ts';
import type { FakeContainer } from './fake-container.ts';
import type { FakeLine } from './fake-line.ts';

interface FakeAttachment {
  readonly container: FakeContainer;
  readonly handle: SandboxHandle;
  readonly line: FakeLine;
  readonly clock: Clock;
  /** How long after its end a container is noticed to have ended. */
  readonly noticeMs: () => number;
  readonly seesPauses: boolean;
}

/** One attachment to a container of the fake. */
export class FakeSandbox implements Sandbox {
  readonly handle: SandboxHandle;
  readonly container: FakeContainer;
  lastCall: CallNumber;
  detached = false;
  readonly #attachment: FakeAttachment;
  readonly #lost = Promise.withResolvers<SandboxFault>();
  /** Lost or detached. */
  readonly #over = Promise.withResolvers<SandboxFault>();
  #fault: SandboxFault | null = null;

  constructor(attachment: FakeAttachment) {
    this.#attachment = attachment;
    this.container = attachment.container;
    this.handle = attachment.handle;
    this.lastCall = attachment.container.lastCall;
    void this.#watch();
  }

  get offers(): Sandbox['offers'] {
    return this.container.offers;
  }

  get lost(): Promise<SandboxFault> {
    return this.#lost.promise;
  }

  async answers(deadline: Deadline): Promise<void> {
    await deadline.race(this.#attachment.line.up());
    if (this.#fault !== null) throw this.#fault;
    if (this.container.state !== 'running') throw this.#ended();
    await deadline.race(this.container.until(() => !this.container.frozen));
  }

  async run(call: CallNumber, work: Work, limits: CallLimits): Promise<CallReport> {
    const known: { executed: Executed } = { executed: 'no' };
    const over = this.#over.promise.then((fault): never => {
      throw new SandboxFault(fault.code, fault.message, { cause: fault, executed: known.executed });
    });
    if (this.#fault !== null) return over;
    this.lastCall = Math.max(this.lastCall, call);
    return Promise.race([this.#report(call, work, limits, known), over]);
  }

  acknowledge(call: CallNumber): void {
    this.container.acknowledge(call);
  }

  cancel(call: CallNumber): void {
    this.container.cancel(call);
  }

  detach(): void {
    this.detached = true;
    this.#end(new SandboxFault('lost', 'this controller let go of the sandbox'));
  }

  async #report(
    call: CallNumber,
    work: Work,
    limits: CallLimits,
    known: { executed: Executed },
  ): Promise<CallReport> {
    const { container } = this;
    const { line, seesPauses } = this.#attachment;
    await line.up();
    known.executed = 'unknown';
    await container.until(() => !container.frozen);
    const pauses = container.pauses;
    const egress = { ...container.egress };
    const ending = container.start(call, work, limits);
    if (ending === null) throw new SandboxFault('lost', 'its ending is forgotten', { executed: 'unknown' });
    known.executed = 'yes';
    const report = await ending;
    await line.up();
    if (report.type !== 'exited') return report;
    const paused = seesPauses && container.pauses > pauses;
    return { ...report, ...(paused && { paused }), ...this.#egressSince(egress) };
  }

  /** Only sandboxes with a list of hosts have a way out to report of. */
  #egressSince(before: FakeContainer['egress']): Pick<CallReport, 'egress'> {
    const { egress, spec } = this.container;
    if (typeof spec.policy.network === 'string') return {};
    const connections = egress.connections - before.connections;
    return { egress: { connections, denied: egress.denied - before.denied, disturbed: false } };
  }

  async #watch(): Promise<void> {
    const { clock, noticeMs } = this.#attachment;
    await this.container.until(() => this.container.state !== 'running');
    const lateMs = noticeMs();
    if (lateMs > 0) await new Promise<void>((resolve) => clock.alarm(lateMs, resolve));
    if (this.detached) return;
    const fault = this.#ended();
    this.#end(fault);
    this.#lost.resolve(fault);
  }

  #ended(): SandboxFault {
    return new SandboxFault('lost', `the container has ${this.container.state}`);
  }

  #end(fault: SandboxFault): void {
    this.#fault ??= fault;
    this.#over.resolve(fault);
  }
}
