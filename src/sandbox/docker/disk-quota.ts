import type { Deadline } from '../../kernel/deadline.ts';
import type { Log } from '../../kernel/log.ts';
import { decodeOutput } from '../../outcome/text.ts';
import { parseRightsReport } from '../rights-report.ts';
import { SandboxFault, type SandboxSpec } from '../sandbox.ts';
import type { DockerConnection } from './docker-connection.ts';
import { removeContainer } from './container-start.ts';
import { readRightsReport, type TrialSandbox } from './policy-trials.ts';
import { probeSpec } from './probe-spec.ts';

const QUOTA_BYTES = 16 * 2 ** 20;
const WRITTEN_BYTES = 24 * 2 ** 20;

interface QuotaParts {
  readonly connection: DockerConnection;
  /** An image with nothing but sandboxd. */
  readonly image: string;
  /** Name of a container that is created for the question. */
  readonly name: string;
  /** Starts a sandbox with the limit that its sandbox policy asks for. */
  readonly start: (spec: SandboxSpec) => Promise<TrialSandbox>;
}

/**
 * Whether the engine limits the size of a container's writable layer, proven by writing. It depends on storage driver, file
 * system and mount options (overlay2 needs xfs mounted with `pquota`).
 *
 * @throws SandboxFault for any failure but the engine's refusal of the limit.
 */
export async function findDiskQuota(parts: QuotaParts, log: Log, deadline: Deadline): Promise<boolean> {
  const held = (await acceptsDiskQuota(parts, deadline)) && (await holdsDiskQuota(parts));
  if (held) log.info({}, "the engine's storage driver enforces limits.disk");
  else
    log.warn(
      {},
      'the engine does not enforce limits.disk (overlay2 needs xfs with pquota); file_size still limits each file',
    );
  return held;
}

/** Creates a container with the limit, does not start it, and removes it. */
async function acceptsDiskQuota(
  { connection, image, name }: QuotaParts,
  deadline: Deadline,
): Promise<boolean> {
  const options = { name, Image: image, NetworkDisabled: true, HostConfig: { StorageOpt: { size: '64m' } } };
  try {
    await connection.ask('create', deadline, connection.create(options));
    return true;
  } catch (error) {
    if (error instanceof SandboxFault && error.code === 'engine_error') return false;
    throw error;
  } finally {
    await connection.ask('remove', deadline, removeContainer(connection, name));
  }
}

/** An accepted limit may be ignored, as by containerd's image store. Writes more than the limit. */
async function holdsDiskQuota({ image, start }: QuotaParts): Promise<boolean> {
  const spec = probeSpec(image);
  const limits = { ...spec.policy.limits, disk: QUOTA_BYTES, file_size: 2 * WRITTEN_BYTES };
  // Only root may write to the root folder of sandboxd's image.
  const policy = { ...spec.policy, user: { uid: 0, gid: 0 }, limits };
  await using made = await start({ ...spec, policy });
  const { stdout } = await readRightsReport(made.sandbox, WRITTEN_BYTES);
  const { attempts, writtenBytes } = parseRightsReport(decodeOutput(stdout.head));
  return attempts.get('create in /') === 0 && attempts.get('fill') !== 0 && writtenBytes <= QUOTA_BYTES;
}
