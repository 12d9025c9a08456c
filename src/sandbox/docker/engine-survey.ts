import { statfs } from 'node:fs/promises';
import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import type { DaemonInfo, DockerConnection } from './docker-connection.ts';

/** What one registered runtime did when it was asked to start a container whose sandboxd answers. */
export interface RuntimeTrial {
  readonly runtime: string;
  /** Null where it doesn't work here; `problem` says why. */
  readonly startMs: number | null;
  readonly problem: string | null;
}

/** What the engine says of itself, and what can be seen of its disk. */
export interface EngineSurvey extends DaemonInfo {
  readonly version: string;
  /** Null where the engine isn't on this machine. */
  readonly dataRootFreeBytes: number | null;
  readonly dataRootTotalBytes: number | null;
  readonly chosenRuntime: string;
}

/** The engine lists containerd's shims beside the runtimes that they start. */
const SHIM = 'io.containerd.';
/** Engines that don't say know of no other. */
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
