import type { Deadline } from '../../kernel/deadline.ts';
import { SandboxFault } from '../sandbox.ts';
import type { DockerConnection } from './docker-connection.ts';
import { removeContainer } from './container-start.ts';

/**
 * Whether the engine can limit the size of a container's writable layer. Creates a container with such a limit, does not
 * start it, and removes it: the answer depends on storage driver, file system and mount options (overlay2 needs xfs
 * mounted with `pquota`).
 *
 * @param name Name of that container.
 * @throws SandboxFault for any failure but the engine's refusal of the limit.
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
