import type { Readable } from 'node:stream';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pause, systemClock } from '../../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../../kernel/deadline.ts';
import { decodeOutput } from '../../outcome/text.ts';
import { LABELS } from '../../sandbox/docker/container-spec.ts';
import type { DockerConnection } from '../../sandbox/docker/docker-connection.ts';
import type { Seen } from './compare.ts';
import { imageReference } from './images.ts';

const REQUEST_MS = 60_000;
export const DEMO_LABEL = 'faultline.demo-run';

type Inspection = Awaited<ReturnType<ReturnType<DockerConnection['docker']['getContainer']>['inspect']>>;

/** What a reference container is made from, read off a real sandbox. */
export interface Template {
  /** The id of the controller whose sandbox it was. */
  readonly controller: string;
  readonly user: string;
  readonly create: object;
}

const within = <T>(request: Promise<T>, ms = REQUEST_MS): Promise<T> =>
  Deadline.after(systemClock, 'engine_request', ms).race(request);

/**
 * Reads a running sandbox of one file tree and turns it into a plain container: same image, limits, capabilities,
 * mounts, host name, runtime and missing network; only PID 1 is `sleep infinity`.
 */
export async function templateOf(connection: DockerConnection, fs: number): Promise<Template> {
  const { docker } = connection;
  const filters = { ancestor: [imageReference(fs)], label: [LABELS.controller], status: ['running'] };
  const [newest] = await within(docker.listContainers({ filters }));
  if (newest === undefined)
    throw new Error(`no sandbox of ${imageReference(fs)} on this engine: is it the server's?`);
  return plainTwin(await within(docker.getContainer(newest.Id).inspect()));
}

/** Pure, for tests. */
export function plainTwin({ Config: config, HostConfig: hostConfig }: Inspection): Template {
  const entrypoint = [config.Entrypoint ?? []].flat();
  return {
    controller: config.Labels[LABELS.controller] ?? '',
    user: entrypoint[entrypoint.indexOf('--user') + 1] ?? '0:0',
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

/** A plain container in which one trajectory is run by exec, command after command. */
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
    return reference;
  }

  /** What `docker exec --workdir DIR CONTAINER bash -c COMMAND` prints and returns. */
  async exec(command: string, workingDir: string, limitMs: number): Promise<Seen> {
    const { docker } = this.#connection;
    const exec = await within(
      docker.getContainer(this.#id).exec({
        Cmd: ['bash', '-c', command],
        AttachStdout: true,
        AttachStderr: true,
        WorkingDir: workingDir,
        User: this.#user,
      }),
    );
    const stream = await within(exec.start({ hijack: true, stdin: false }));
    const { stdout, stderr, ended } = split(docker.modem, stream);
    const inTime = await endsWithin(ended, limitMs);
    if (!inTime) stream.destroy();
    return {
      stdout: decodeOutput(await stdout),
      stderr: decodeOutput(await stderr),
      exitCode: inTime ? await exitCodeOf(exec) : await this.#killAll(),
    };
  }

  /** Everything but PID 1 and the killer; as the sandbox does with a command that ran out of time. */
  async #killAll(): Promise<null> {
    await this.exec('kill -KILL -1', '/', REQUEST_MS);
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(this.#connection.docker.getContainer(this.#id).remove({ force: true }));
  }
}

async function endsWithin(ended: Promise<void>, limitMs: number): Promise<boolean> {
  try {
    await within(ended, limitMs);
    return true;
  } catch (error) {
    if (error instanceof DeadlineExceeded) return false;
    throw error;
  }
}

function split(
  modem: { demuxStream(from: NodeJS.ReadableStream, out: PassThrough, err: PassThrough): void },
  stream: Readable,
) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  modem.demuxStream(stream, out, err);
  const ended = new Promise<void>((resolve) => {
    stream.once('close', () => {
      out.end();
      err.end();
      resolve();
    });
    stream.once('end', () => stream.destroy());
    stream.on('error', () => undefined);
  });
  return { stdout: buffer(out), stderr: buffer(err), ended };
}

/** The stream may end a moment before the daemon knows the exit code. */
async function exitCodeOf(exec: {
  inspect(): Promise<{ ExitCode: number | null; Running: boolean }>;
}): Promise<number> {
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 200)) {
    const { ExitCode: code, Running: running } = await within(exec.inspect());
    if (!running && code !== null) return code;
    await pause(systemClock, pauseMs);
  }
}

/** Removes every container that carries a label. Nothing to remove is fine. */
export async function removeLabelled(connection: DockerConnection, label: string): Promise<number> {
  const { docker } = connection;
  const left = await within(docker.listContainers({ all: true, filters: { label: [label] } }));
  await Promise.allSettled(left.map(({ Id: id }) => within(docker.getContainer(id).remove({ force: true }))));
  return left.length;
}
