import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import { LABELS } from '../../src/sandbox/docker/container-spec.ts';
import type { DockerConnection } from '../../src/sandbox/docker/docker-connection.ts';
import type { Seen } from './seen.ts';
import { execIn } from './plain-exec.ts';
import { imageReference } from './images.ts';

const REQUEST_MS = 60_000;
export const DEMO_LABEL = 'faultline.demo-run';

type Inspection = Awaited<ReturnType<ReturnType<DockerConnection['docker']['getContainer']>['inspect']>>;

/** The template of a reference container, read from a real sandbox. */
export interface Template {
  /** The id of that sandbox's controller. */
  readonly controller: string;
  readonly user: string;
  /** The sandbox's /etc/hosts: without a network the engine leaves it empty, and sandboxd writes it. */
  readonly hosts: string;
  readonly create: object;
}

const within = <T>(request: Promise<T>, ms = REQUEST_MS): Promise<T> =>
  Deadline.after(systemClock, 'engine_request', ms).race(request);

/**
 * Reads a running sandbox of one file tree and makes the template of a plain container from it: the same image, limits,
 * capabilities, mounts, host name and runtime, and no network; only PID 1 differs and is `sleep infinity`.
 */
export async function templateOf(connection: DockerConnection, fs: number): Promise<Template> {
  const { docker } = connection;
  const filters = { ancestor: [imageReference(fs)], label: [LABELS.controller], status: ['running'] };
  const [newest] = await within(docker.listContainers({ filters }));
  if (newest === undefined)
    throw new Error(`no sandbox of ${imageReference(fs)} on this engine: does the server run on it?`);
  const sandbox = docker.getContainer(newest.Id);
  const { stdout: hosts } = await execIn(
    connection,
    sandbox.id,
    { Cmd: ['cat', '/etc/hosts'], User: '0:0' },
    REQUEST_MS,
  );
  return plainTwin(await within(sandbox.inspect()), hosts);
}

/** Pure, for tests. */
export function plainTwin({ Config: config, HostConfig: hostConfig }: Inspection, hosts: string): Template {
  const entrypoint = [config.Entrypoint ?? []].flat();
  return {
    controller: config.Labels[LABELS.controller] ?? '',
    user: entrypoint[entrypoint.indexOf('--user') + 1] ?? '0:0',
    hosts,
    create: {
      Image: config.Image,
      Entrypoint: ['sleep'],
      Cmd: ['infinity'],
      User: '0:0',
      Env: config.Env,
      Hostname: config.Hostname,
      WorkingDir: config.WorkingDir,
      NetworkDisabled: (config as { NetworkDisabled?: boolean }).NetworkDisabled ?? false,
      HostConfig: hostConfig,
    },
  };
}

/** A plain container in which one trajectory runs by exec, one command after the other. */
export class Reference implements AsyncDisposable {
  readonly #connection: DockerConnection;
  readonly #user: string;
  readonly #id: string;

  private constructor(connection: DockerConnection, user: string, id: string) {
    this.#connection = connection;
    this.#user = user;
    this.#id = id;
  }

  static async start(connection: DockerConnection, template: Template, run: string): Promise<Reference> {
    const options = { ...template.create, Labels: { [DEMO_LABEL]: run } };
    const container = await within(connection.docker.createContainer(options));
    const reference = new Reference(connection, template.user, container.id);
    await within(container.start());
    const write = ['bash', '-c', 'printf %s "$1" > /etc/hosts', 'bash', template.hosts];
    await execIn(connection, container.id, { Cmd: write, User: '0:0' }, REQUEST_MS);
    return reference;
  }

  /** Output and exit code of `docker exec --workdir DIR CONTAINER bash -c COMMAND`. */
  async exec(command: string, workingDir: string, limitMs: number): Promise<Seen> {
    const options = { Cmd: ['bash', '-c', command], WorkingDir: workingDir, User: this.#user };
    const seen = await execIn(this.#connection, this.#id, options, limitMs);
    return seen.exitCode === null ? { ...seen, exitCode: await this.#killAll() } : seen;
  }

  /** Kills all processes except PID 1 and the killer, as the sandbox does after a time limit. */
  async #killAll(): Promise<null> {
    await this.exec('kill -KILL -1', '/', REQUEST_MS);
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.#connection.docker.getContainer(this.#id).remove({ force: true }));
  }
}

/** Removes all containers with a label, if there are any. */
export async function removeLabelled(connection: DockerConnection, label: string): Promise<number> {
  const { docker } = connection;
  const left = await within(docker.listContainers({ all: true, filters: { label: [label] } }));
  await Promise.allSettled(left.map(({ Id: id }) => within(docker.getContainer(id).remove({ force: true }))));
  return left.length;
}
