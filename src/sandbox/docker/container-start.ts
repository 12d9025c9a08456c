import type { ContainerCreateOptions } from 'dockerode';
import type { Deadline } from '../../kernel/deadline.ts';
import type { Attach } from '../link-contract.ts';
import type { DockerConnection } from './docker-connection.ts';
import { isGone } from './docker-errors.ts';

export interface MadeContainer {
  readonly id: string;
  /** The first call starts the container; later ones find it running, or fail with `lost`. */
  readonly attach: Attach;
}

/**
 * Creates the container. Attaches before the start, the cheapest order: the agent says nothing unasked.
 *
 * @param requests Gets every request that may still change the container after its deadline.
 * @throws SandboxFault of the engine's answer.
 */
export async function makeContainer(
  connection: DockerConnection,
  options: ContainerCreateOptions,
  requests: Promise<unknown>[],
  deadline: Deadline,
): Promise<MadeContainer> {
  const creating = connection.docker.createContainer(options);
  requests.push(creating);
  const { id } = await connection.ask('create', deadline, creating);
  let started = false;
  const attach: Attach = async (attempt) => {
    if (started) return connection.attachRunning(id, attempt);
    started = true;
    const stream = await connection.attach(id);
    try {
      const starting = connection.docker.getContainer(id).start();
      requests.push(starting);
      await connection.ask('start', attempt, starting);
      return stream;
    } catch (error) {
      stream.destroy();
      throw error;
    }
  };
  return { id, attach };
}

/** Idempotent. Takes the anonymous volumes that an image declares along; the agent's volume has a name and stays. */
export async function removeContainer(connection: DockerConnection, container: string): Promise<void> {
  try {
    await connection.docker.getContainer(container).remove({ force: true, v: true });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
