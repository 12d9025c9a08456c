import type { Clock } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { unreachable } from '../kernel/errors.ts';
import type { CallLimits, CallNumber, Ending, Report, StartFailure, Work } from '../protocol/messages.ts';
import { SandboxdLink } from './sandboxd-link.ts';
import { LINK_TIMES, type Attach, type LinkTimes, type State } from './link-contract.ts';
import { PendingCall } from './pending-call.ts';
import { SandboxFault, type Offers, type CallReport, type Sandbox, type SandboxHandle } from './sandbox.ts';

export interface ClientTimes extends LinkTimes {
  /** How long beyond a command's own limit its ending may take: killing, counting, a slow engine. */
  readonly marginMs: number;
}

export const CLIENT_TIMES: ClientTimes = { ...LINK_TIMES, marginMs: 15_000 };

export interface ClientOptions {
  readonly attach: Attach;
  readonly clock: Clock;
  /** `instance` null: any instance may answer. */
  readonly handle: SandboxHandle;
  readonly times?: Partial<ClientTimes>;
  readonly host?: HostSide;
}

/** What the engine observes of the sandbox from outside. */
export interface HostSide {
  /** To be called when a call begins. The function that it returns is to be called when it has ended. Neither throws. */
  began(): (report: CallReport) => Promise<HostObservation>;
}

export type HostObservation = Pick<CallReport, 'paused' | 'sandboxesUsed' | 'host'>;

const NO_HOST_SIDE: HostSide = { began: () => () => Promise.resolve({}) };

/**
 * A sandbox over any byte stream to its sandboxd.
 *
 * After a broken stream the client attaches again and repeats the `start` of each call without an ending, under its old
 * number. This is safe because sandboxd starts a number at most once. Two events end the client: the link cannot be
 * restored (`lost`), or a call stays without an ending beyond its limits although a new attachment was answered
 * (`agent_silent`). Both reject every pending call with what is known of its execution.
 */
export class SandboxdClient implements Sandbox {
  readonly #link: SandboxdLink;
  readonly #clock: Clock;
  readonly #times: ClientTimes;
  readonly #handle: SandboxHandle;
  readonly #host: HostSide;
  readonly #pending = new Map<CallNumber, PendingCall>();
  readonly #owedAcknowledgements = new Set<CallNumber>();
  readonly #lost = Promise.withResolvers<SandboxFault>();
  #fault: SandboxFault | null = null;
  #lastRunAt: number | null = null;
  #offers: Offers = { shell: null, python: null };
  #lastCall: CallNumber = 0;

  private constructor(options: ClientOptions) {
    this.#clock = options.clock;
    this.#times = { ...CLIENT_TIMES, ...options.times };
    this.#handle = options.handle;
    this.#host = options.host ?? NO_HOST_SIDE;
    const { attach, clock, handle } = options;
    const link = { attach, clock, times: this.#times, instance: handle.instance };
    this.#link = new SandboxdLink(link, {
      attached: (state) => {
        this.#resume(state);
      },
      reported: (report) => {
        this.#apply(report);
      },
      detached: () => {
        for (const call of this.#pending.values()) call.unwatch();
      },
      closed: (fault) => {
        this.#end(fault);
      },
    });
  }

  /** Attaches and waits for sandboxd's first answer. @throws SandboxFault as `attach` does, `lost`, `agent_silent`. */
  static async open(options: ClientOptions, deadline: Deadline): Promise<SandboxdClient> {
    const client = new SandboxdClient(options);
    await client.#link.open(deadline);
    return client;
  }

  get handle(): SandboxHandle {
    return { ...this.#handle, instance: this.#link.instance };
  }

  get lastCall(): CallNumber {
    return this.#lastCall;
  }

  get offers(): Offers {
    return this.#offers;
  }

  /** Monotonic time of the latest `run`; null before the first. */
  get lastRunAt(): number | null {
    return this.#lastRunAt;
  }

  get lost(): Promise<SandboxFault> {
    return this.#lost.promise;
  }

  async answers(deadline: Deadline): Promise<void> {
    await this.#link.awaitAnswer(deadline);
  }

  async run(call: CallNumber, work: Work, limits: CallLimits): Promise<CallReport> {
    const observed = this.#host.began();
    const ran = await this.#run(call, work, limits);
    return { ...ran, ...(await observed(ran)) };
  }

  #run(call: CallNumber, work: Work, limits: CallLimits): Promise<Ending | StartFailure> {
    const running = this.#pending.get(call);
    if (running !== undefined) return running.ending;
    this.#lastRunAt = this.#clock.monotonic();
    this.#lastCall = Math.max(this.#lastCall, call);
    const pending = new PendingCall(this.#clock, call, work, limits);
    if (this.#fault !== null) pending.fail(this.#fault);
    else {
      this.#pending.set(call, pending);
      this.#startOrThrow(pending);
    }
    return pending.ending;
  }

  acknowledge(call: CallNumber): void {
    if (!this.#link.send({ type: 'acknowledge', call })) this.#owedAcknowledgements.add(call);
  }

  cancel(call: CallNumber): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    pending.cancelWanted = true;
    this.#link.send({ type: 'cancel', call });
  }

  detach(): void {
    this.#link.close();
    this.#failAll(new SandboxFault('lost', 'this controller has detached from the sandbox'));
  }

  /** Work that fits into no frame is a bug of the caller: it throws, and is not repeated. */
  #startOrThrow(pending: PendingCall): void {
    try {
      this.#start(pending);
    } catch (error) {
      pending.unwatch();
      this.#pending.delete(pending.start.call);
      throw error;
    }
  }

  #start(pending: PendingCall): void {
    if (!this.#link.attached) return;
    this.#watch(pending);
    // Before the write: from here on it may have arrived.
    pending.sent();
    this.#link.send(pending.start);
    if (pending.cancelWanted) this.#link.send({ type: 'cancel', call: pending.start.call });
  }

  #watch(pending: PendingCall): void {
    pending.watch(this.#times.marginMs, () => {
      if (pending.suspected) {
        this.#link.close();
        this.#end(new SandboxFault('agent_silent', `no report of call ${String(pending.start.call)}`));
        return;
      }
      pending.suspected = true;
      this.#link.renew();
    });
  }

  /**
   * After each attachment. sandboxd sends kept endings after `state` unasked. Repeating `start` makes it repeat `started`
   * where the command runs, and starts a number that it has never seen.
   */
  #resume(state: State): void {
    this.#offers = { shell: state.shell, python: state.python };
    this.#lastCall = Math.max(this.#lastCall, state.lastCall);
    for (const pending of this.#pending.values()) {
      if (pending.start.call > state.lastCall) pending.neverSeen();
      this.#start(pending);
    }
    for (const call of this.#owedAcknowledgements) this.#link.send({ type: 'acknowledge', call });
    this.#owedAcknowledgements.clear();
  }

  #apply(report: Exclude<Report, State>): void {
    const pending = this.#pending.get(report.call);
    // A kept ending of an earlier controller, or a repeated one.
    if (pending === undefined) return;
    switch (report.type) {
      case 'started':
        pending.started();
        this.#watch(pending);
        return;
      case 'exited':
      case 'start-failed':
        this.#pending.delete(report.call);
        pending.settle(report);
        return;
      case 'forgotten':
        this.#pending.delete(report.call);
        pending.fail(new SandboxFault('lost', 'sandboxd no longer has the ending of this call'));
        return;
      default:
        unreachable(report);
    }
  }

  #end(fault: SandboxFault): void {
    this.#failAll(fault);
    this.#lost.resolve(fault);
  }

  #failAll(fault: SandboxFault): void {
    this.#fault ??= fault;
    for (const pending of this.#pending.values()) pending.fail(fault);
    this.#pending.clear();
  }
}
