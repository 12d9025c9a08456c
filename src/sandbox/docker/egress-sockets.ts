import type { Deadline } from '../../kernel/deadline.ts';
import type { EgressSocket } from '../egress/egress-socket.ts';
import type { Egress } from '../egress/egress.ts';
import { NetworkedSandbox } from '../egress/networked-sandbox.ts';
import { egressOf, rulesKey } from '../egress/rules.ts';
import type { Sandbox, SandboxSpec } from '../sandbox.ts';
import { LABELS } from './container-spec.ts';
import type { DockerConnection } from './docker-connection.ts';

/** An egress socket, named by the unique part of its container's name. */
export interface NamedEgressSocket {
  readonly name: string;
  readonly key: string;
  readonly socket: EgressSocket;
}

/** The egress sockets of containers whose sandbox policy lists hosts. */
export class EgressSockets {
  readonly #connection: DockerConnection;
  readonly #egress: Egress | null;

  constructor(connection: DockerConnection, egress: Egress | undefined) {
    this.#connection = connection;
    this.#egress = egress ?? null;
  }

  /** For a container about to be created; null where its sandbox policy lists no hosts. */
  async forNew(container: string, { policy }: SandboxSpec): Promise<NamedEgressSocket | null> {
    const rules = egressOf(policy);
    if (rules === null) return null;
    if (!this.#connection.local)
      throw new Error('network.egress needs an engine on this host: egress sockets are unix sockets');
    return await this.#open(container, rulesKey(rules));
  }

  /** For a container that is adopted. @throws SandboxFault from the engine's answer. */
  async forOld(id: string, deadline: Deadline): Promise<NamedEgressSocket | null> {
    if (this.#egress === null) return null;
    const inspecting = this.#connection.docker.getContainer(id).inspect();
    const { Name: path, Config: config } = await this.#connection.ask('inspect', deadline, inspecting);
    const key = config.Labels[LABELS.egress];
    return key === undefined ? null : await this.#open(path, key);
  }

  /** Removes the egress sockets of containers that ended while no controller ran. */
  async tidy(deadline: Deadline, controllerId: string): Promise<void> {
    if (this.#egress === null) return;
    const label = [`${LABELS.controller}=${controllerId}`];
    const listing = this.#connection.docker.listContainers({ all: true, filters: { label } });
    const containers = await this.#connection.ask('list', deadline, listing);
    await this.#egress.removeAllBut(
      new Set(containers.flatMap(({ Names: names }) => names.map(egressSocketName))),
    );
  }

  async #open(container: string, key: string): Promise<NamedEgressSocket> {
    const name = egressSocketName(container);
    if (this.#egress === null)
      throw new Error('network.egress needs an egress proxy, and this engine has none');
    return { name, key, socket: await this.#egress.open(name, key) };
  }

  /** The sandbox, wrapped so that its calls report on their egress where it has an egress socket. */
  through(sandbox: Sandbox, named: NamedEgressSocket | null): Sandbox {
    return named === null || this.#egress === null
      ? sandbox
      : new NetworkedSandbox(sandbox, this.#egress, named.socket);
  }

  /** To be called when the container is gone, or is going to be removed. */
  async remove(named: NamedEgressSocket | null | undefined): Promise<void> {
    if (named !== null && named !== undefined) await this.#egress?.remove(named.name);
  }
}

/** Short, since the path of a unix socket has at most 107 bytes. */
function egressSocketName(container: string): string {
  return container.slice(container.lastIndexOf('-') + 1);
}
