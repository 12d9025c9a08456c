import { statfs } from 'node:fs/promises';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/invariant.ts';
import type { DockerConnection } from './docker-connection.ts';

/** What one registered runtime did when it was asked to start a container whose agent answers. */
export interface RuntimeTrial {
  readonly runtime: string;
  /** Null where it doesn't work here; `problem` says why. */
  readonly startMs: number | null;
  readonly problem: string | null;
}

/** What the engine says of itself and its host. */
export interface EngineSurvey {
  readonly version: string;
  readonly apiVersion: string;
  readonly cgroupVersion: number;
  readonly storageDriver: string;
  readonly dataRoot: string;
  /** Null where the engine isn't on this machine. */
  readonly dataRootFreeBytes: number | null;
  readonly dataRootTotalBytes: number | null;
  /** Whether containers outlive a restart of the daemon. */
  readonly liveRestore: boolean;
  readonly seccomp: boolean;
  readonly memoryBytes: number;
  readonly cores: number;
  readonly runtimes: readonly string[];
  readonly chosenRuntime: string;
}

/** The engine lists containerd's shims beside the runtimes that they start. */
const SHIM = 'io.containerd.';
const SURVEY_MS = 10_000;

interface RawInfo {
  readonly Driver: string;
  readonly DockerRootDir: string;
  readonly LiveRestoreEnabled?: boolean;
  readonly SecurityOptions?: readonly string[];
  readonly MemTotal: number;
  readonly NCPU: number;
  readonly CgroupVersion?: string;
  readonly Runtimes?: Readonly<Record<string, unknown>>;
}

/** @throws SandboxFault `engine_down`, `engine_error` */
export async function surveyEngine(
  connection: DockerConnection,
  chosenRuntime: string,
): Promise<EngineSurvey> {
  const deadline = Deadline.after(connection.clock, 'engine_request', SURVEY_MS);
  const info = (await connection.ask('ping', deadline, connection.docker.info())) as RawInfo;
  const version = await connection.ask('ping', deadline, connection.docker.version());
  const disk = connection.local ? await diskOf(info.DockerRootDir) : null;
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    cgroupVersion: Number(info.CgroupVersion ?? 1),
    storageDriver: info.Driver,
    dataRoot: info.DockerRootDir,
    dataRootFreeBytes: disk?.free ?? null,
    dataRootTotalBytes: disk?.total ?? null,
    liveRestore: info.LiveRestoreEnabled === true,
    seccomp: (info.SecurityOptions ?? []).some((option) => option.includes('seccomp')),
    memoryBytes: info.MemTotal,
    cores: info.NCPU,
    runtimes: Object.keys(info.Runtimes ?? {}).filter((name) => !name.startsWith(SHIM)),
    chosenRuntime,
  };
}

/** Null where the folder can't be seen from here, as with an engine inside another machine. */
async function diskOf(folder: string): Promise<{ free: number; total: number } | null> {
  const disk = await statfs(folder).catch(() => null);
  return disk === null ? null : { free: disk.bavail * disk.bsize, total: disk.blocks * disk.bsize };
}

/** @param start Starts and removes one sandbox on the runtime, within a deadline of its own. */
export async function tryRuntime(runtime: string, start: () => Promise<number>): Promise<RuntimeTrial> {
  try {
    return { runtime, startMs: await start(), problem: null };
  } catch (error) {
    return { runtime, startMs: null, problem: errorMessage(error) };
  }
}
