import { randomBytes } from 'node:crypto';
import type { ContainerCreateOptions } from 'dockerode';
import type { Clock } from '../../kernel/clock.ts';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/invariant.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';
import { AgentClient, type ClientTimes } from '../agent-client.ts';
import type { Attach } from '../link-contract.ts';
import { checkReadiness } from '../readiness.ts';
import type {
  EngineInfo,
  PostMortem,
  Sandbox,
  SandboxEngine,
  SandboxHandle,
  SandboxSpec,
} from '../sandbox.ts';
import type { Wire } from '../wire.ts';
import { AgentVolume, type AgentPaths } from './agent-volume.ts';
import { containerOptions, LABELS } from './container-spec.ts';
import { DockerConnection } from './docker-connection.ts';
import { agentIsMissing, dockerFault, isGone } from './docker-errors.ts';
import { EventWatch } from './event-watch.ts';
import type { Log } from './log.ts';
import { examine } from './post-mortem.ts';
import { candidates, chooseRuntime } from './runtime-probe.ts';
import { probeSpec } from './probe-spec.ts';
import { Sweeper } from './sweeper.ts';

export interface DockerEngineOptions {
  /** As DOCKER_HOST has it; absent: as the environment says. */
  readonly host?: string;
  /** Names and labels everything that is made. Letters, digits, `_`, `.`, `-`. */
  readonly controllerId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly agent: AgentPaths;
  readonly wire: Wire;
  /** Profiles by the name that policies use, as JSON. */
  readonly seccompProfiles?: ReadonlyMap<string, string>;
  readonly clientTimes?: Partial<ClientTimes>;
  /** What one runtime gets at boot to start a container. */
  readonly runtimeProbeMs?: number;
}

const PREPARE_MS = 60_000;
const RUNTIME_PROBE_MS = 15_000;

/** What is remembered of a sandbox that this engine started or adopted. */
interface Known {
  readonly client: AgentClient;
  readonly sinceMs: number;
}

/**
 * Sandboxes as containers of one Docker daemon.
 *
 * Nothing waits for the daemon without a deadline. A request that ran out of time goes on in the daemon and may
 * still make a container: its name is ours, so the sweeper removes it once the request is over.
 */
export class DockerEngine implements SandboxEngine, AsyncDisposable {
  readonly name = 'docker';
  readonly #options: DockerEngineOptions;
  readonly #connection: DockerConnection;
  readonly #volume: AgentVolume;
  readonly #watch: EventWatch;
  readonly #sweeper: Sweeper;
  readonly #refill = new SingleFlight<string, void>();
  readonly #known = new Map<string, Known>();
  readonly #removed = new Set<string>();
  #runtime = 'runc';
  #cgroupVersion = 0;

  private constructor(options: DockerEngineOptions, connection: DockerConnection, volume: AgentVolume) {
    this.#options = options;
    this.#connection = connection;
    this.#volume = volume;
    this.#watch = new EventWatch(connection, options.clock, options.controllerId);
    this.#sweeper = new Sweeper(options.clock, options.log, (container) => this.#delete(container));
  }

  /** Brings the agent's volume there and finds the runtime. @throws SandboxFault `engine_down`, `engine_error`. */
  static async connect(options: DockerEngineOptions): Promise<DockerEngine> {
    const connection = new DockerConnection(options.clock, options.host);
    const deadline = Deadline.after(options.clock, 'engine_request', PREPARE_MS);
    const volume = await AgentVolume.load(connection, options.controllerId, options.agent);
    await volume.fill(deadline);
    const engine = new DockerEngine(options, connection, volume);
    try {
      await engine.#findRuntime(deadline);
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
    return engine;
  }

  /** Containers that were given up and are not known to be gone yet. */
  get abandoned(): number {
    return this.#sweeper.waiting;
  }

  async start(spec: SandboxSpec, deadline: Deadline): Promise<Sandbox> {
    return this.#start(spec, this.#runtime, deadline);
  }

  async #start(spec: SandboxSpec, runtime: string, deadline: Deadline): Promise<Sandbox> {
    const container = `faultline-${this.#options.controllerId}-${randomBytes(8).toString('hex')}`;
    const requests: Promise<unknown>[] = [];
    try {
      const creating = this.#connection.docker.createContainer({ name: container, ...this.#creation(spec, runtime) });
      requests.push(creating);
      const { id } = await this.#connection.ask('create', deadline, creating);
      const handle: SandboxHandle = { engine: this.name, id, instance: null, poolClass: spec.poolClass };
      const client = await this.#open(handle, this.#firstStarting(id, requests), deadline);
      await checkReadiness(client, deadline);
      return client;
    } catch (error) {
      // Whatever was made carries our name for it; the caller does not wait for its end.
      this.#sweeper.abandon(container, requests);
      if (agentIsMissing(error)) this.#refillVolume();
      throw dockerFault('start', error);
    }
  }

  #creation(spec: SandboxSpec, runtime: string): ContainerCreateOptions {
    const { controllerId, seccompProfiles } = this.#options;
    const { seccomp: name } = spec.policy;
    const seccomp = name === 'engine' ? null : seccompProfiles?.get(name);
    if (seccomp === undefined) throw new Error(`seccomp profile "${name}" was not loaded`);
    return containerOptions(spec, { controllerId, agentVolume: this.#volume.name, runtime, seccomp });
  }

  /** Attaches before the start, the cheapest order: the agent says nothing unasked. Later attachments find it running. */
  #firstStarting(id: string, requests: Promise<unknown>[]): Attach {
    let started = false;
    return async (deadline) => {
      if (started) return this.#connection.attachRunning(id, deadline);
      started = true;
      const stream = await this.#connection.attach(id);
      try {
        const starting = this.#connection.docker.getContainer(id).start();
        requests.push(starting);
        await this.#connection.ask('start', deadline, starting);
        return stream;
      } catch (error) {
        stream.destroy();
        throw error;
      }
    };
  }

  async #open(handle: SandboxHandle, attach: Attach, deadline: Deadline): Promise<AgentClient> {
    const { clock, wire, clientTimes: times } = this.#options;
    const client = await AgentClient.open({ attach, wire, clock, handle, ...(times && { times }) }, deadline);
    this.#known.set(handle.id, { client, sinceMs: clock.monotonic() });
    return client;
  }

  async adopt(handle: SandboxHandle, deadline: Deadline): Promise<Sandbox> {
    const attach: Attach = (attempt) => this.#connection.attachRunning(handle.id, attempt);
    const client = await this.#open(handle, attach, deadline);
    return client;
  }

  async list(deadline: Deadline): Promise<readonly SandboxHandle[]> {
    const label = [`${LABELS.controller}=${this.#options.controllerId}`];
    const request = this.#connection.docker.listContainers({ all: true, filters: { label } });
    const containers = await this.#connection.ask('list', deadline, request);
    return containers.map(({ Id: id, Labels: labels }) => ({
      engine: this.name,
      id,
      instance: this.#known.get(id)?.client.handle.instance ?? null,
      poolClass: labels[LABELS.poolClass] ?? '',
    }));
  }

  async remove(handle: SandboxHandle, deadline: Deadline): Promise<void> {
    const { id } = handle;
    this.#removed.add(id);
    this.#known.get(id)?.client.detach();
    const removal = this.#delete(id);
    try {
      await this.#connection.ask('remove', deadline, removal);
    } catch (error) {
      this.#sweeper.abandon(id, [removal]);
      throw error;
    } finally {
      this.#known.delete(id);
    }
  }

  async postMortem(handle: SandboxHandle, deadline: Deadline): Promise<PostMortem> {
    const { id } = handle;
    const since = this.#known.get(id)?.client.lastRunAt ?? this.#known.get(id)?.sinceMs ?? 0;
    return examine(this.#connection, this.#watch, id, { removedByUs: this.#removed.has(id), since, deadline });
  }

  async ping(deadline: Deadline): Promise<EngineInfo> {
    const version = await this.#connection.ask('ping', deadline, this.#connection.docker.version());
    return { version: version.Version, runtime: this.#runtime, cgroupVersion: this.#cgroupVersion };
  }

  async #findRuntime(deadline: Deadline): Promise<void> {
    const { clock, log, runtimeProbeMs } = this.#options;
    const request: Promise<DaemonInfo> = this.#connection.docker.info();
    const info = await this.#connection.ask('ping', deadline, request);
    this.#cgroupVersion = Number(info.CgroupVersion ?? 0);
    const names = candidates(Object.keys(info.Runtimes ?? {}), info.DefaultRuntime ?? 'runc');
    this.#runtime = await chooseRuntime(
      names,
      async (runtime) => {
        const within = Deadline.after(clock, 'sandbox_start', runtimeProbeMs ?? RUNTIME_PROBE_MS);
        const { handle } = await this.#start(probeSpec(this.#volume.image), runtime, within);
        await this.remove(handle, within);
      },
      log,
    );
    log.info({ runtime: this.#runtime }, 'runtime chosen');
  }

  async #delete(container: string): Promise<void> {
    try {
      // `v` takes the anonymous volumes that an image declares; the agent's has a name and stays.
      await this.#connection.docker.getContainer(container).remove({ force: true, v: true });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  #refillVolume(): void {
    const { clock, log } = this.#options;
    const fill = () => this.#volume.fill(Deadline.after(clock, 'engine_request', PREPARE_MS));
    this.#refill.run(this.#volume.name, fill).catch((error: unknown) => {
      log.warn({ volume: this.#volume.name, error: errorMessage(error) }, 'agent volume not filled');
    });
  }

  /** Lets go of every sandbox without touching it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#known.values()) client.detach();
    this.#watch[Symbol.dispose]();
    await this.#sweeper[Symbol.asyncDispose]();
  }
}

interface DaemonInfo {
  readonly CgroupVersion?: string;
  readonly DefaultRuntime?: string;
  readonly Runtimes?: Record<string, unknown>;
}
