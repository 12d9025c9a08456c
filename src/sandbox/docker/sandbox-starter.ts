import { randomBytes, randomInt } from 'node:crypto';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';
import type { Attach } from '../link-contract.ts';
import { checkReadiness } from '../readiness.ts';
import type { SandboxHandle, SandboxSpec } from '../sandbox.ts';
import { SandboxdClient, type HostSide } from '../sandboxd-client.ts';
import { containerOptions, type ContainerContext } from './container-spec.ts';
import { startContainer } from './container-start.ts';
import type { DockerConnection } from './docker-connection.ts';
import { sandboxdIsMissing, startFault } from './docker-errors.ts';
import type { EgressSockets, NamedEgressSocket } from './egress-sockets.ts';
import type { DockerEngineOptions } from './engine-options.ts';
import type { SandboxdVolume } from './sandboxd-volume.ts';
import type { Sweeper } from './sweeper.ts';

const REFILL_MS = 60_000;
/** Above the user numbers of images, below the sign bit. Among 1,000 live sandboxes two are equal in 0.05 % of cases. */
const OWN_USERS = { first: 2 ** 20, end: 2 ** 30 };

interface StarterParts {
  readonly options: DockerEngineOptions;
  readonly connection: DockerConnection;
  readonly volume: SandboxdVolume;
  readonly egressSockets: EgressSockets;
  readonly sweeper: Sweeper;
  /** What the engine observes of the container with this id from outside. */
  readonly hostSide: (id: string) => HostSide;
}

/** Facts about the engine, tested when it is connected. */
export interface Findings {
  /** The runtime for sandbox policies with `runtime: auto`. */
  readonly runtime: string;
  /** Whether the engine can limit the size of a container's writable layer. */
  readonly diskQuota: boolean;
  /** 0 where the engine does not report it. */
  readonly cgroupVersion: number;
}

/** A sandbox that has answered, and its egress socket where its sandbox policy lists hosts. */
export interface StartedSandbox {
  readonly client: SandboxdClient;
  readonly egressSocket: NamedEgressSocket | null;
  /** Of the engine, on the create request. */
  readonly warnings: readonly string[];
}

/**
 * Makes a sandbox that has answered from a spec: container, attachment, readiness.
 *
 * A request that exceeds its deadline continues in the daemon and may still create a container. This class chose the
 * container's name, so the sweeper can remove it when the request is over.
 */
export class SandboxStarter {
  readonly #parts: StarterParts;
  readonly #refill = new SingleFlight<string, void>();

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /** @throws SandboxFault as `SandboxEngine.start` does. */
  async start(spec: SandboxSpec, findings: Findings, deadline: Deadline): Promise<StartedSandbox> {
    const { connection, egressSockets, sweeper } = this.#parts;
    const container = this.newName();
    const requests: Promise<unknown>[] = [];
    let client: SandboxdClient | null = null;
    let egressSocket: NamedEgressSocket | null = null;
    try {
      egressSocket = await egressSockets.forNew(container, spec);
      const context = this.#context(spec, findings, egressSocket);
      const options = { name: container, ...containerOptions(spec, context) };
      const { id, attach, warnings } = await startContainer(connection, options, requests, deadline);
      const { poolClass, policy } = spec;
      const own = policy.user === 'own' && { ownUser: context.ownUser };
      client = await this.open({ engine: 'docker', id, instance: null, poolClass, ...own }, attach, deadline);
      await checkReadiness(client, deadline);
      return { client, egressSocket, warnings };
    } catch (error) {
      client?.detach();
      await egressSockets.remove(egressSocket);
      // Removed by name, off the caller's path: the request may still create the container.
      sweeper.abandon(container, requests);
      if (sandboxdIsMissing(error)) this.#refillVolume();
      throw startFault(error, deadline);
    }
  }

  /** Attaches to sandboxd and waits for its first answer. @throws SandboxFault as `SandboxdClient.open` does. */
  async open(handle: SandboxHandle, attach: Attach, deadline: Deadline): Promise<SandboxdClient> {
    const { options, hostSide } = this.#parts;
    const { clock, clientTimes: times } = options;
    const host = hostSide(handle.id);
    return SandboxdClient.open({ attach, clock, handle, host, ...(times && { times }) }, deadline);
  }

  newName(): string {
    return `faultline-${this.#parts.options.controllerId}-${randomBytes(8).toString('hex')}`;
  }

  #context(spec: SandboxSpec, findings: Findings, egressSocket: NamedEgressSocket | null): ContainerContext {
    const { controllerId, seccompProfiles } = this.#parts.options;
    const { seccomp: name } = spec.policy;
    const seccomp = name === 'engine' ? null : seccompProfiles?.get(name);
    if (seccomp === undefined) throw new Error(`seccomp profile "${name}" was not loaded`);
    return {
      controllerId,
      sandboxdLayers: this.#parts.volume.layers,
      seccomp,
      ownUser: spec.ownUser ?? randomInt(OWN_USERS.first, OWN_USERS.end),
      egressSocket: egressSocket && { folder: egressSocket.socket.folder, key: egressSocket.key },
      ...findings,
    };
  }

  #refillVolume(): void {
    const { options, volume } = this.#parts;
    const { clock, log } = options;
    const fill = () => volume.fill(Deadline.after(clock, 'engine_request', REFILL_MS));
    this.#refill.run(volume.name, fill).catch((error: unknown) => {
      log.warn({ volume: volume.name, error: errorMessage(error) }, 'sandboxd volume not filled');
    });
  }
}
