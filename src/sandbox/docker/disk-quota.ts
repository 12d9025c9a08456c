import type { Deadline } from '../../kernel/deadline.ts';
import { decodeOutput } from '../../outcome/text.ts';
import { parseFacts } from '../facts.ts';
import { SandboxFault, type SandboxSpec } from '../sandbox.ts';
import type { DockerConnection } from './docker-connection.ts';
import { removeContainer } from './container-start.ts';
import { readFacts, type TrialSandbox } from './policy-trials.ts';
import { probeSpec } from './probe-spec.ts';

const QUOTA_BYTES = 16 * 2 ** 20;
const WRITTEN_BYTES = 24 * 2 ** 20;

/**
 * Whether the engine accepts a limit of a container's writable layer. Creates a container with one, does not start it, and
 * removes it: the answer depends on storage driver, file system and mount options (overlay2 needs xfs mounted with
 * `pquota`).
 *
 * @param name Name of that container.
 * @throws SandboxFault for any failure but the engine's refusal of the limit.
 */
export async function acceptsDiskQuota(
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

/**
 * Whether an accepted limit is held: containerd's image store accepts it and ignores it. Writes more than the limit.
 *
 * @param start Starts a sandbox with the limit.
 * @throws SandboxFault
 */
export async function holdsDiskQuota(
  image: string,
  start: (spec: SandboxSpec) => Promise<TrialSandbox>,
): Promise<boolean> {
  const spec = probeSpec(image);
  const limits = { ...spec.policy.limits, disk: QUOTA_BYTES, file_size: 2 * WRITTEN_BYTES };
  // Only root may write to the root folder of sandboxd's image.
  const policy = { ...spec.policy, user: { uid: 0, gid: 0 }, limits };
  await using made = await start({ ...spec, policy });
  const { stdout } = await readFacts(made.sandbox, WRITTEN_BYTES);
  const { attempts, writtenBytes } = parseFacts(decodeOutput(stdout.head));
  return attempts.get('create in /') === 0 && attempts.get('fill') !== 0 && writtenBytes <= QUOTA_BYTES;
}
