import type { Duplex } from 'node:stream';
import type { ContainerCreateOptions } from 'dockerode';
import type { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import type { Attach } from '../link-contract.ts';
import type { DockerConnection } from './docker-connection.ts';
import { LABELS } from './container-spec.ts';
import { isGone } from './docker-errors.ts';

export interface StartedContainer {
  readonly id: string;
  /** Gives the stream that was opened before the start; later ones find the container running, or fail with `lost`. */
  readonly attach: Attach;
}

/**
 * Creates and starts. Attaches before the start, the cheapest order: sandboxd says nothing unasked.
 *
 * @param requests Gets every request that may still change the container after the deadline.
 * @throws SandboxFault of the engine's answer, `start_timeout` with a deadline of the clock `sandbox_start`.
 */
export async function startContainer(
  connection: DockerConnection,
  options: ContainerCreateOptions,
  requests: Promise<unknown>[],
  deadline: Deadline,
): Promise<StartedContainer> {
  const creating = connection.docker.createContainer(options);
  requests.push(creating);
  const { id } = await connection.ask('create', deadline, creating);
  const attaching = connection.attach(id);
  requests.push(attaching);
  let stream: Duplex | null = await connection.ask('attach', deadline, attaching);
  const starting = connection.docker.getContainer(id).start();
  requests.push(starting);
  try {
    await connection.ask('start', deadline, starting);
  } catch (error) {
    stream.destroy();
    throw error;
  }
  const attach: Attach = (attempt) => {
    const first = stream;
    stream = null;
    return first === null ? connection.attachRunning(id, attempt) : Promise.resolve(first);
  };
  return { id, attach };
}

/** Idempotent. Takes sandboxd's overlay and the anonymous volumes of the image along; sandboxd's own volume stays. */
export async function removeContainer(connection: DockerConnection, container: string): Promise<void> {
  try {
    await connection.docker.getContainer(container).remove({ force: true, v: true });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/**
 * Of containers that somebody else removed without them. The engine's own prune spares volumes that have options.
 * A start that an earlier server asked for may still take one between the list and its removal: such a volume isn't
 * an orphan, and one that stays for another reason is the next start's. So neither prevents this one.
 *
 * @throws SandboxFault where the engine can't list them.
 */
export async function removeOrphanedVolumes(
  connection: DockerConnection,
  controllerId: string,
  log: Log,
  deadline: Deadline,
): Promise<void> {
  const filters = { label: [`${LABELS.controller}=${controllerId}`], dangling: ['true'] };
  const listing = connection.docker.listVolumes({ filters });
  const { Volumes: volumes } = await connection.ask('list', deadline, listing);
  for (const { Name: name } of volumes) {
    const removal: Promise<unknown> = connection.docker.getVolume(name).remove();
    try {
      await connection.ask('remove', deadline, removal);
    } catch (error) {
      log.warn({ volume: name, error: errorMessage(error) }, 'a volume without a container stays');
    }
  }
}
