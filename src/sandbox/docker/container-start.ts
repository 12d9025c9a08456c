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
  /** The first call returns the stream opened before the start. Later calls attach anew; `lost` where it does not run. */
  readonly attach: Attach;
  /** What the engine said on the create request, for example that it discarded a limit. */
  readonly warnings: readonly string[];
}

/**
 * Creates a container, attaches, then starts it. Nothing can be missed: sandboxd writes nothing before `resume`.
 *
 * @param requests Every request that may still change the container after the deadline is added here.
 * @throws SandboxFault from the engine's answer; `start_timeout` when a deadline of the clock `sandbox_start` expires.
 */
export async function startContainer(
  connection: DockerConnection,
  options: ContainerCreateOptions,
  requests: Promise<unknown>[],
  deadline: Deadline,
): Promise<StartedContainer> {
  const creating = connection.create(options);
  requests.push(creating);
  const { Id: id, Warnings: warnings } = await connection.ask('create', deadline, creating);
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
  return { id, attach, warnings: warnings ?? [] };
}

/** Idempotent. Removes sandboxd's overlay and the image's anonymous volumes too; sandboxd's own volume stays. */
export async function removeContainer(connection: DockerConnection, container: string): Promise<void> {
  try {
    await connection.docker.getContainer(container).remove({ force: true, v: true });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/**
 * Removes volumes whose container was removed without them, by somebody else. The engine's own prune does not remove
 * volumes that have options. A container start requested by an earlier server may still claim a volume after it was
 * listed: that volume is not an orphan. A volume that stays for another reason is removed at the next server start. So a
 * failed removal is logged and the server starts.
 *
 * @throws SandboxFault where the engine can't list the volumes.
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
      log.warn({ volume: name, error: errorMessage(error) }, 'volume without a container not removed');
    }
  }
}
