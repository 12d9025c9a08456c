import { statfs } from 'node:fs/promises';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import type { DaemonInfo, DockerConnection } from './docker-connection.ts';

/** Whether one registered runtime can start a container in which sandboxd answers. */
export interface RuntimeTrial {
  readonly runtime: string;
  /** Null where the runtime does not work on this host; `problem` says why. */
  readonly startMs: number | null;
  readonly problem: string | null;
}

/** What the engine reports about itself, and the sizes of its disk. */
export interface EngineSurvey extends DaemonInfo {
  readonly version: string;
  /** Null where the engine is not on this machine. */
  readonly dataRootFreeBytes: number | null;
  readonly dataRootTotalBytes: number | null;
  readonly chosenRuntime: string;
}

/** Prefix of containerd's shims, which the engine lists beside the runtimes. */
const SHIM = 'io.containerd.';
/** An engine that does not report its cgroup version supports only version 1. */
const FIRST_CGROUPS = 1;
const SURVEY_MS = 10_000;

/** @throws SandboxFault `engine_down`, `engine_error` */
export async function surveyEngine(
  connection: DockerConnection,
  chosenRuntime: string,
): Promise<EngineSurvey> {
  const deadline = Deadline.after(connection.clock, 'engine_request', SURVEY_MS);
  const info = await connection.info(deadline);
  const { Version: version } = await connection.ask('ping', deadline, connection.docker.version());
  const disk = connection.local ? await diskOf(info.dataRoot) : null;
  return {
    ...info,
    version,
    cgroupVersion: info.cgroupVersion || FIRST_CGROUPS,
    runtimes: info.runtimes.filter((name) => !name.startsWith(SHIM)),
    dataRootFreeBytes: disk?.free ?? null,
    dataRootTotalBytes: disk?.total ?? null,
    chosenRuntime,
  };
}

/** Null where this process can't read the folder, for example with an engine inside a virtual machine. */
async function diskOf(folder: string): Promise<{ free: number; total: number } | null> {
  const disk = await statfs(folder).catch(() => null);
  return disk === null ? null : { free: disk.bavail * disk.bsize, total: disk.blocks * disk.bsize };
}

/** @param start Starts and removes one sandbox on the runtime; has its own deadline. */
export async function tryRuntime(runtime: string, start: () => Promise<number>): Promise<RuntimeTrial> {
  try {
    return { runtime, startMs: await start(), problem: null };
  } catch (error) {
    return { runtime, startMs: null, problem: errorMessage(error) };
  }
}
