import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { pack } from 'tar-stream';
import type { Deadline } from '../../kernel/deadline.ts';
import { SANDBOXD_FOLDER, LABELS } from './container-spec.ts';
import { SandboxFault } from '../sandbox.ts';
import type { DockerConnection } from './docker-connection.ts';
import { isGone, isNotFound } from './docker-errors.ts';

/** Paths of sandboxd's two files on the controller's disk. */
export interface SandboxdPaths {
  readonly sandboxd: string;
  readonly interpreter: string;
}

export const BUILT_SANDBOXD: SandboxdPaths = {
  sandboxd: inRepository('docker/sandboxd/build/sandboxd'),
  interpreter: inRepository('docker/interpreter/interpreter.py'),
};

/** Works from `src/sandbox/docker` and from `dist/sandbox/docker`. */
function inRepository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

interface SandboxdFile {
  readonly name: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

/** Where an ELF file names its machine, and the names of those numbers. */
const ELF_MACHINE = 18;
const MACHINES: Readonly<Record<number, string>> = { 62: 'x86_64', 183: 'aarch64' };

/** A folder with the files, and an empty one: a read-only overlay needs two layers. */
const FILES = 'files';
const EMPTY = 'empty';

/**
 * The volume with sandboxd's files, named by their digest. It serves sandboxes of any image. No sandbox mounts it
 * directly: each mounts an overlay of its folders (`layers`), so that no two sandboxes share an inode.
 *
 * It is filled through a container that is created, never started, and removed. That container needs an image:
 * sandboxd's own, which `docker/setup` builds. Where it is missing, such as on a remote engine, it is imported from the
 * files.
 */
export class SandboxdVolume {
  readonly name: string;
  readonly image: string;
  readonly #connection: DockerConnection;
  readonly #controllerId: string;
  readonly #files: readonly SandboxdFile[];
  #layers: readonly string[] = [];

  private constructor(connection: DockerConnection, controllerId: string, files: readonly SandboxdFile[]) {
    const digest = createHash('sha256');
    for (const file of files) digest.update(file.bytes);
    const version = digest.digest('hex').slice(0, 16);
    this.#connection = connection;
    this.#controllerId = controllerId;
    this.#files = files;
    this.name = `faultline-sandboxd-${version}`;
    this.image = `faultline-sandboxd:${version}`;
  }

  /** @throws Error of `node:fs` where sandboxd is not built. */
  static async load(
    connection: DockerConnection,
    controllerId: string,
    paths: SandboxdPaths,
  ): Promise<SandboxdVolume> {
    const [sandboxd, interpreter] = await Promise.all([
      readFile(paths.sandboxd),
      readFile(paths.interpreter),
    ]);
    return new SandboxdVolume(connection, controllerId, [
      { name: 'sandboxd', mode: 0o555, bytes: sandboxd },
      { name: 'interpreter.py', mode: 0o444, bytes: interpreter },
    ]);
  }

  /** Whether sandboxd was built for a machine such as `architecture`, in the words of `uname -m`; true where that is unknown. */
  runsOn(architecture: string): boolean {
    const [sandboxd] = this.#files;
    const built = sandboxd === undefined ? undefined : MACHINES[sandboxd.bytes.readUInt16LE(ELF_MACHINE)];
    return built === undefined || !Object.values(MACHINES).includes(architecture) || built === architecture;
  }

  /** Overlay layers, uppermost first, as paths on the engine's host; empty until `fill` has succeeded. */
  get layers(): readonly string[] {
    return this.#layers;
  }

  /** Creates the volume and writes files that are missing. @throws SandboxFault `engine_down`, `engine_error`. */
  async fill(deadline: Deadline): Promise<void> {
    const name = `faultline-${this.#controllerId}-fill-${randomBytes(6).toString('hex')}`;
    const { docker } = this.#connection;
    const container = docker.getContainer(name);
    try {
      await this.#create(name, deadline);
      await this.#locate(deadline);
      if (await this.#isWhole(name, deadline)) return;
      const archive = await this.#tar(`${FILES}/`);
      await this.#connection.ask(
        'prepare',
        deadline,
        container.putArchive(archive, { path: SANDBOXD_FOLDER }),
      );
    } finally {
      await this.#connection
        .ask('remove', deadline, container.remove({ force: true }))
        .catch((error: unknown) => {
          if (!isGone(error)) throw error;
        });
    }
  }

  async #locate(deadline: Deadline): Promise<void> {
    const request = this.#connection.docker.getVolume(this.name).inspect();
    const { Mountpoint: mountpoint } = await this.#connection.ask('inspect', deadline, request);
    this.#layers = [`${mountpoint}/${FILES}`, `${mountpoint}/${EMPTY}`];
  }

  async #create(name: string, deadline: Deadline): Promise<void> {
    const create = () =>
      this.#connection.ask('create', deadline, this.#connection.docker.createContainer(this.#filler(name)));
    try {
      await create();
    } catch (error) {
      if (!(error instanceof SandboxFault) || error.code !== 'image_missing') throw error;
      await this.#connection.ask('prepare', deadline, this.#importImage());
      await create();
    }
  }

  #filler(name: string) {
    return {
      name,
      Image: this.image,
      Entrypoint: ['/sandboxd'],
      NetworkDisabled: true,
      Labels: { [LABELS.controller]: this.#controllerId },
      HostConfig: {
        Mounts: [
          {
            Type: 'volume' as const,
            Source: this.name,
            Target: SANDBOXD_FOLDER,
            VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: 'local', Options: {} } },
          },
        ],
      },
    };
  }

  async #importImage(): Promise<void> {
    const [repo = '', tag = ''] = this.image.split(':');
    await this.#connection.importImage(await this.#tar(''), repo, tag);
  }

  /** A different size means that an earlier fill was interrupted. Otherwise the volume's name, a digest, proves the content. */
  async #isWhole(name: string, deadline: Deadline): Promise<boolean> {
    const container = this.#connection.docker.getContainer(name);
    for (const file of this.#files) {
      const request: Promise<unknown> = container.infoArchive({
        path: `${SANDBOXD_FOLDER}/${FILES}/${file.name}`,
      });
      const size = await deadline.race(request.then(archivedSize)).catch((error: unknown) => {
        if (isNotFound(error)) return null;
        throw error;
      });
      if (size !== file.bytes.length) return false;
    }
    return true;
  }

  /** @param folder The folder of the files, with a slash at its end; the empty folder is added beside it. */
  async #tar(folder: '' | `${string}/`): Promise<Buffer> {
    const archive = pack();
    if (folder !== '') archive.entry({ name: EMPTY, type: 'directory', mode: 0o555, mtime: new Date(0) });
    for (const { name, mode, bytes } of this.#files)
      archive.entry({ name: folder + name, mode, mtime: new Date(0) }, bytes);
    archive.finalize();
    return buffer(archive);
  }
}

/** The response has no body, but must be read to its end: else it keeps its connection and so the process open. */
function archivedSize(response: unknown): number | null {
  const { headers } = (response as IncomingMessage).resume();
  const stat = headers['x-docker-container-path-stat'];
  if (typeof stat !== 'string') return null;
  const parsed = JSON.parse(Buffer.from(stat, 'base64').toString()) as { size?: number };
  return parsed.size ?? null;
}
