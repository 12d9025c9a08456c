import { systemClock, type Clock } from '../../../src/kernel/clock.ts';
import type { Deadline } from '../../../src/kernel/deadline.ts';
import type { Work } from '../../../src/protocol/messages.ts';
import {
  SandboxFault,
  type EngineCapabilities,
  type EngineInfo,
  type PostMortem,
  type Sandbox,
  type SandboxEngine,
  type SandboxHandle,
  type SandboxSpec,
} from '../../../src/sandbox/sandbox.ts';
import { FULL } from './fake-capabilities.ts';
import { FakeContainer, type Script } from './fake-container.ts';
import { FAKE_IMAGES, FAKE_NETWORK, FakeHost } from './fake-host.ts';
import { FakeLine } from './fake-line.ts';
import type { Program } from './fake-process.ts';
import { FakeSandbox } from './fake-sandbox.ts';

export type { Script } from './fake-container.ts';
export { printed } from './fake-process.ts';

interface FakeEngineOptions {
  readonly clock?: Clock;
  readonly host?: FakeHost;
  readonly controllerId?: string;
  readonly capabilities?: EngineCapabilities;
  /** Shell commands by their text; others print their own text. */
  readonly programs?: ReadonlyMap<string, Program>;
}

/**
 * Sandboxes in memory: a host of containers whose commands are functions. Keeps the contract of `SandboxEngine` as the
 * conformance suite has it; takes as long and fails as a test says, and counts what it is asked.
 */
export class FakeEngine implements SandboxEngine {
  readonly name = 'fake';
  readonly capabilities: EngineCapabilities;
  readonly host: FakeHost;
  readonly line = new FakeLine();
  /** What calls end as; null: as the command's program says. A fault that it rejects with also kills the container. */
  script: Script | null = null;
  startMs = 0;
  removeMs = 0;
  /** How long after its end a container's attachment is told. */
  noticeMs = 0;
  /** Asked before each start and removal; what it returns is thrown. */
  startFault: (spec: SandboxSpec, nth: number) => SandboxFault | null = () => null;
  removeFault: (nth: number) => SandboxFault | null = () => null;
  pingFault: SandboxFault | null = null;
  /** Sandboxes that were handed out by `start`. */
  readonly started: FakeSandbox[] = [];
  /** Ids, in the order of their removal. */
  readonly removed: string[] = [];
  /** Every command that ran, in order. */
  readonly ran: Work[] = [];
  starts = 0;
  inFlight = 0;
  mostInFlight = 0;
  #removals = 0;
  #users = 100_000;
  readonly clock: Clock;
  readonly #controllerId: string;
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #attached = new Map<string, FakeSandbox[]>();
  readonly #removedHere = new Set<string>();

  constructor(options: FakeEngineOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.host = options.host ?? new FakeHost();
    this.#controllerId = options.controllerId ?? 'fake-controller';
    this.capabilities = options.capabilities ?? FULL;
    this.#programs = options.programs ?? new Map();
  }

  /** Started and not removed. */
  get live(): number {
    return this.started.length - this.removed.length;
  }

  async start(spec: SandboxSpec, deadline: Deadline): Promise<Sandbox> {
    this.starts += 1;
    const fault = this.startFault(spec, this.starts) ?? this.#refusal(spec);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      await this.#lasts(this.startMs, deadline, 'start_timeout');
    } finally {
      this.inFlight -= 1;
    }
    if (fault !== null) throw fault;
    this.#reach();
    const sandbox = this.#attach(this.#make(spec));
    this.started.push(sandbox);
    return sandbox;
  }

  adopt(handle: SandboxHandle): Promise<Sandbox> {
    return this.#answer(() => {
      const container = this.host.containers.get(handle.id);
      if (container?.state !== 'running') throw new SandboxFault('lost', 'it is gone');
      if (handle.instance !== null && handle.instance !== container.instance)
        throw new SandboxFault('lost', 'another sandboxd instance answers');
      return this.#attach(container);
    });
  }

  list(): Promise<readonly SandboxHandle[]> {
    return this.#answer(() => {
      const all = [...this.host.containers.values()];
      return all.filter(({ controllerId }) => controllerId === this.#controllerId).map(this.#handle);
    });
  }

  async remove(handle: SandboxHandle, deadline: Deadline): Promise<void> {
    this.#removals += 1;
    const fault = this.removeFault(this.#removals);
    for (const sandbox of this.#attached.get(handle.id) ?? []) sandbox.detach();
    await this.#lasts(this.removeMs, deadline, 'engine_down');
    if (fault !== null) throw fault;
    this.#reach();
    this.#removedHere.add(handle.id);
    this.host.containers.get(handle.id)?.end('gone');
    this.host.containers.delete(handle.id);
    this.removed.push(handle.id);
  }

  postMortem({ id }: SandboxHandle): Promise<PostMortem> {
    const { foreignKills, foreignPauses } = this.capabilities;
    const out = this.line.isCut;
    const container = this.#attached.get(id)?.[0]?.container ?? this.host.containers.get(id);
    const { state = 'gone', foreignKill = false, pauses = 0 } = container ?? {};
    return Promise.resolve({
      container: out ? 'unknown' : state,
      foreignKill: foreignKills && foreignKill && !this.#removedHere.has(id),
      foreignPause: foreignPauses && pauses > 0,
      oomFlag: false,
      evidenceGap: out,
      engineDisturbed: this.line.disturbed,
    });
  }

  ping(): Promise<EngineInfo> {
    return this.#answer(() => {
      if (this.pingFault !== null) throw this.pingFault;
      return { version: '1', runtime: 'fake', cgroupVersion: 2 };
    });
  }

  /** @throws SandboxFault `engine_down` where the line is cut. */
  async #answer<T>(answer: () => T): Promise<T> {
    await Promise.resolve();
    this.#reach();
    return answer();
  }

  #reach(): void {
    if (this.line.isCut) throw new SandboxFault('engine_down', 'the host cannot be reached');
  }

  async #lasts(ms: number, deadline: Deadline, code: 'start_timeout' | 'engine_down'): Promise<void> {
    const late = ms > deadline.remainingMs;
    const lastsMs = Math.min(ms, deadline.remainingMs);
    if (lastsMs > 0) await new Promise<void>((resolve) => this.clock.alarm(lastsMs, resolve));
    if (late) throw new SandboxFault(code, 'the engine is slow');
  }

  /** What this engine will never start. */
  #refusal({ image, policy }: SandboxSpec): SandboxFault | null {
    const { imageAt, networks, egressLists, ownUsers } = this.capabilities;
    if (imageAt === 'start' && image.reference === FAKE_IMAGES.missing)
      return new SandboxFault('image_missing', 'no such image');
    if (imageAt === 'start' && image.reference === FAKE_IMAGES.broken)
      return new SandboxFault('image_broken', 'not an image for this platform');
    const { network } = policy;
    if (typeof network === 'object' && !egressLists) return unsupported('network: egress');
    if (network !== 'none' && typeof network === 'string') {
      if (!networks) return unsupported(`network: ${network}`);
      if (network !== FAKE_NETWORK) return new SandboxFault('engine_error', `no network ${network}`);
    }
    return policy.user === 'own' && !ownUsers ? unsupported('user: own') : null;
  }

  /** A sandbox of an earlier process of this controller: it runs, and nobody has adopted it. */
  hold(handle: SandboxHandle, spec: SandboxSpec): void {
    this.#make(spec, handle);
  }

  #make(spec: SandboxSpec, earlier: SandboxHandle | null = null): FakeContainer {
    const { user } = spec.policy;
    this.#users += 1;
    const shell = spec.image.reference === FAKE_IMAGES.bare ? null : '/bin/sh';
    const id = earlier?.id ?? this.host.newId();
    const identity = {
      id,
      instance: earlier?.instance ?? `instance-${id}`,
      controllerId: this.#controllerId,
      spec,
      offers: { shell, python: shell === null ? null : '/usr/bin/python3' },
      user: user === 'own' ? (spec.ownUser ?? this.#users) : user.uid,
    };
    const container = new FakeContainer(identity, this.clock, this.capabilities, {
      script: () => this.script && this.#killing(this.script, identity.id),
      programs: this.#programs,
      onRun: (work) => this.ran.push(work),
    });
    this.host.containers.set(container.id, container);
    return container;
  }

  /** A script that rejects tells of somebody who killed the container. */
  #killing(script: Script, id: string): Script {
    return async (...call) => {
      try {
        return await script(...call);
      } catch (error) {
        const container = this.host.containers.get(id);
        if (error instanceof SandboxFault && container?.state === 'running') {
          container.foreignKill = true;
          container.state = 'exited';
          // The loss is noticed after the call itself has failed.
          setImmediate(() => container.changed());
        }
        throw error;
      }
    };
  }

  #attach(container: FakeContainer): FakeSandbox {
    const sandbox = new FakeSandbox({
      container,
      handle: this.#handle(container),
      line: this.line,
      clock: this.clock,
      noticeMs: () => this.noticeMs,
      seesPauses: this.capabilities.foreignPauses,
    });
    const { id } = container;
    this.#attached.set(id, [...(this.#attached.get(id) ?? []), sandbox]);
    return sandbox;
  }

  readonly #handle = ({ id, instance, spec, user }: FakeContainer): SandboxHandle => {
    const own = spec.policy.user === 'own' && { ownUser: user };
    return { engine: this.name, id, instance, poolClass: spec.poolClass, ...own };
  };
}

function unsupported(what: string): SandboxFault {
  return new SandboxFault('engine_error', `this engine has no support for "${what}" of a sandbox policy`);
}
