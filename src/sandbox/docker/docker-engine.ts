import { Deadline } from '../../kernel/deadline.ts';
import type { Attach } from '../link-contract.ts';
import type { Policy } from '../../policy/schema.ts';
import type {
  EngineCapabilities,
  EngineInfo,
  PostMortem,
  Sandbox,
  SandboxEngine,
  SandboxHandle,
  SandboxSpec,
} from '../sandbox.ts';
import { SandboxFault } from '../sandbox.ts';
import type { PolicyTrial } from '../limit-findings.ts';
import type { HostSide, SandboxdClient } from '../sandboxd-client.ts';
import { SandboxdVolume, BUILT_SANDBOXD } from './sandboxd-volume.ts';
import { RecentRemovals } from './recent-removals.ts';
import { removeContainer, removeOrphanedVolumes } from './container-start.ts';
import { HostWatch } from './host-watch.ts';
import { LABELS } from './container-spec.ts';
import { findDiskQuota } from './disk-quota.ts';
import { DockerConnection } from './docker-connection.ts';
import { EgressSockets, type NamedEgressSocket } from './egress-sockets.ts';
import { DockerImages } from './images.ts';
import { EventWatch } from './event-watch.ts';
import type { DockerEngineOptions } from './engine-options.ts';
import { surveyEngine, tryRuntime, type EngineSurvey, type RuntimeTrial } from './engine-survey.ts';
import { examine } from './post-mortem.ts';
import { PolicyTrials, type TrialSandbox } from './policy-trials.ts';
import { candidates, chooseRuntime } from './runtime-probe.ts';
import { probeSpec } from './probe-spec.ts';
import { RetiredVolumes } from './retired-volumes.ts';
import { SandboxStarter, type Findings, type StartedSandbox } from './sandbox-starter.ts';
import { Sweeper } from './sweeper.ts';

const PREPARE_MS = 60_000;
const RUNTIME_PROBE_MS = 15_000;

/** A sandbox that this engine started or adopted. */
interface Known {
  readonly client: SandboxdClient;
  readonly sinceMs: number;
  readonly egressSocket: NamedEgressSocket | null;
}

/**
 * Sandboxes as containers of one Docker daemon. Every request has a deadline. A request that exceeds it may still create
 * a container; the sweeper removes that.
 */
export class DockerEngine implements SandboxEngine, AsyncDisposable {
  readonly name = 'docker';
  readonly images: DockerImages;
  readonly #options: DockerEngineOptions;
  readonly #connection: DockerConnection;
  readonly #volume: SandboxdVolume;
  readonly #retired: RetiredVolumes;
  readonly #watch: EventWatch;
  readonly #sweeper: Sweeper;
  readonly #egressSockets: EgressSockets;
  readonly #host: HostWatch | null;
  readonly #starter: SandboxStarter;
  readonly #trials: PolicyTrials;
  readonly #known = new Map<string, Known>();
  readonly #removed = new RecentRemovals();
  #findings: Findings = { runtime: 'runc', diskQuota: false, cgroupVersion: 0 };

  private constructor(options: DockerEngineOptions, connection: DockerConnection, volume: SandboxdVolume) {
    this.#options = options;
    this.#connection = connection;
    this.#volume = volume;
    this.#retired = new RetiredVolumes(connection, options.clock, options.log);
    this.images = new DockerImages(connection);
    this.#egressSockets = new EgressSockets(connection, options.egress);
    const sandboxes = (): Iterable<string> => this.#known.keys();
    const pidOf = (id: string, deadline: Deadline): Promise<number> => connection.pidOf(id, deadline);
    this.#host = connection.local ? new HostWatch({ ...options, sandboxes, pidOf }) : null;
    this.#watch = new EventWatch(connection, options.clock, options.controllerId);
    this.#sweeper = new Sweeper(options.clock, options.log, (container) =>
      removeContainer(connection, container),
    );
    const [egressSockets, sweeper] = [this.#egressSockets, this.#sweeper];
    const hostSide = (id: string): HostSide => this.#hostSide(id);
    this.#starter = new SandboxStarter({ options, connection, volume, egressSockets, sweeper, hostSide });
    this.#trials = new PolicyTrials({
      start: (spec, deadline) => this.#startForTrial(spec, this.#findings, deadline),
      clock: options.clock,
      image: volume.image,
      accepted: options.acceptedLimits ?? new Set(),
      diskLimit: () => this.#findings.diskQuota,
    });
  }

  /** Fills sandboxd's volume and chooses the runtime. @throws SandboxFault `engine_down`, `engine_error`. */
  static async connect(options: DockerEngineOptions): Promise<DockerEngine> {
    const connection = new DockerConnection(options.clock, options.dockerHost);
    const deadline = Deadline.after(options.clock, 'engine_request', PREPARE_MS);
    const volume = await SandboxdVolume.load(
      connection,
      options.controllerId,
      options.sandboxd ?? BUILT_SANDBOXD,
    );
    await volume.fill(deadline);
    const engine = new DockerEngine(options, connection, volume);
    try {
      await engine.#findRuntime(deadline);
      await engine.#findDiskQuota(deadline);
      await engine.#egressSockets.tidy(deadline, options.controllerId);
      await removeOrphanedVolumes(connection, options.controllerId, options.log, deadline);
      await engine.#retired.removeUnused(deadline);
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
    return engine;
  }

  /** Number of abandoned containers that are not known to be gone yet. */
  get abandoned(): number {
    return this.#sweeper.waiting;
  }

  get capabilities(): EngineCapabilities {
    return {
      imageAt: 'start',
      networks: true,
      egressLists: this.#options.egress !== undefined && this.#connection.local,
      ownUsers: true,
      diskLimit: this.#findings.diskQuota,
      counters: true,
      foreignKills: true,
      foreignPauses: true,
    };
  }

  async start(spec: SandboxSpec, deadline: Deadline): Promise<Sandbox> {
    await this.#trials.pass(spec.policy, deadline);
    return this.#remember(await this.#starter.start(spec, this.#findings, deadline));
  }

  #hostSide(id: string): HostSide {
    return {
      began: () => {
        const pauses = this.#watch.pauses(id);
        const mark = this.#host?.began(id);
        return async (report) => ({
          ...(this.#watch.pauses(id) > pauses && { paused: true }),
          ...(mark && (await this.#host?.since(id, mark, report))),
        });
      },
    };
  }

  #remember({ client, egressSocket }: Omit<StartedSandbox, 'warnings'>): Sandbox {
    this.#known.set(client.handle.id, { client, sinceMs: this.#options.clock.monotonic(), egressSocket });
    return this.#egressSockets.through(client, egressSocket);
  }

  async adopt(handle: SandboxHandle, deadline: Deadline): Promise<Sandbox> {
    const attach: Attach = (attempt) => this.#connection.attachRunning(handle.id, attempt);
    const client = await this.#starter.open(handle, attach, deadline);
    return this.#remember({ client, egressSocket: await this.#egressSockets.forOld(handle.id, deadline) });
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
    const known = this.#known.get(id);
    known?.client.detach();
    const removal = removeContainer(this.#connection, id);
    try {
      await this.#connection.ask('remove', deadline, removal);
    } catch (error) {
      this.#sweeper.abandon(id, [removal]);
      throw error;
    } finally {
      this.#known.delete(id);
      await this.#egressSockets.remove(known?.egressSocket);
    }
    this.#watch.forget(id);
    this.#retired.sandboxRemoved();
  }

  async postMortem(handle: SandboxHandle, deadline: Deadline): Promise<PostMortem> {
    const { id } = handle;
    const since = this.#known.get(id)?.client.lastRunAt ?? this.#known.get(id)?.sinceMs ?? 0;
    return examine(this.#connection, this.#watch, id, {
      removedByUs: this.#removed.has(id),
      since,
      deadline,
    });
  }

  async ping(deadline: Deadline): Promise<EngineInfo> {
    const version = await this.#connection.ask('ping', deadline, this.#connection.docker.version());
    return {
      version: version.Version,
      runtime: this.#findings.runtime,
      cgroupVersion: this.#findings.cgroupVersion,
    };
  }

  /** @throws SandboxFault `engine_down`, `engine_error` */
  survey(): Promise<EngineSurvey> {
    return surveyEngine(this.#connection, this.#findings.runtime);
  }

  /** Starts and removes one sandbox on each runtime, one after the other. */
  async tryRuntimes(runtimes: readonly string[]): Promise<readonly RuntimeTrial[]> {
    const trials: RuntimeTrial[] = [];
    for (const runtime of runtimes) trials.push(await tryRuntime(runtime, () => this.#trial(runtime)));
    return trials;
  }

  /** What a sandbox of this sandbox policy shows of its limits. Made once. @throws SandboxFault where none can be started. */
  tryPolicy(policy: Policy): Promise<PolicyTrial> {
    return this.#trials.trialOf(policy);
  }

  /** @returns milliseconds from the request to the answer of sandboxd. */
  async #trial(runtime: string): Promise<number> {
    const { clock } = this.#options;
    const within = this.#probeDeadline();
    const began = clock.monotonic();
    const findings = { ...this.#findings, runtime };
    await using trial = await this.#startForTrial(probeSpec(this.#volume.image), findings, within);
    const startMs = clock.monotonic() - began;
    await this.#host?.learn(trial.sandbox.handle.id);
    return startMs;
  }

  #probeDeadline(): Deadline {
    const { clock, runtimeProbeMs } = this.#options;
    return Deadline.after(clock, 'sandbox_start', runtimeProbeMs ?? RUNTIME_PROBE_MS);
  }

  async #startForTrial(spec: SandboxSpec, findings: Findings, deadline: Deadline): Promise<TrialSandbox> {
    const started = await this.#starter.start(spec, findings, deadline);
    const sandbox = this.#remember(started);
    const dispose = (): Promise<void> => this.remove(sandbox.handle, deadline);
    return { sandbox, warnings: started.warnings, [Symbol.asyncDispose]: dispose };
  }

  async #findRuntime(deadline: Deadline): Promise<void> {
    const info = await this.#connection.info(deadline);
    this.#findings = { ...this.#findings, cgroupVersion: info.cgroupVersion };
    if (!this.#volume.runsOn(info.architecture))
      throw new SandboxFault(
        'engine_error',
        `sandboxd was not built for the engine's machine, ${info.architecture}: build docker/sandboxd there`,
      );
    const names = candidates(info.runtimes, info.defaultRuntime);
    const runtime = await chooseRuntime(names, (name) => this.#trial(name), this.#options.log);
    this.#findings = { ...this.#findings, runtime };
    this.#options.log.info({ runtime }, 'runtime chosen');
  }

  async #findDiskQuota(deadline: Deadline): Promise<void> {
    const { image } = this.#volume;
    const limited = { ...this.#findings, diskQuota: true };
    const start = (spec: SandboxSpec) => this.#startForTrial(spec, limited, this.#probeDeadline());
    const parts = { connection: this.#connection, image, name: this.#starter.newName(), start };
    const diskQuota = await findDiskQuota(parts, this.#options.log, deadline);
    this.#findings = { ...this.#findings, diskQuota };
  }

  /** Detaches from every sandbox. The containers keep running. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#known.values()) client.detach();
    this.images[Symbol.dispose]();
    this.#watch[Symbol.dispose]();
    this.#host?.[Symbol.dispose]();
    await this.#sweeper[Symbol.asyncDispose]();
  }
}
