import type { Deadline } from '../../kernel/deadline.ts';
import { SandboxFault } from '../sandbox.ts';
import type { DockerConnection } from './docker-connection.ts';
import { removeContainer } from './container-start.ts';

/**
 * Whether the engine holds a container's own layer to a size: asked for with a container that is never started, since
 * the answer depends on storage driver, file system and mount options (overlay2 needs xfs mounted with `pquota`).
 *
 * @param name Of the container that is made and removed.
 * @throws SandboxFault other than the engine's refusal.
 */
export async function holdsDiskQuota(
  connection: DockerConnection,
  image: string,
  name: string,
  deadline: Deadline,
): Promise<boolean> {
  const options = { name, Image: image, NetworkDisabled: true, HostConfig: { StorageOpt: { size: '64m' } } };
  try {
    await connection.ask('create', deadline, connection.docker.createContainer(options));
    return true;
  } catch (error) {
    if (error instanceof SandboxFault && error.code === 'engine_error') return false;
    throw error;
  } finally {
    await connection.ask('remove', deadline, removeContainer(connection, name));
  }
}
