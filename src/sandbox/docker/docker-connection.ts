import type { IncomingMessage } from 'node:http';
import { Readable, type Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import Docker from 'dockerode';
import type { Clock } from '../../kernel/clock.ts';
import { DeadlineExceeded, type Deadline } from '../../kernel/deadline.ts';
import { SandboxFault } from '../sandbox.ts';
import { dockerFault, type Operation } from './docker-errors.ts';
import { StdioStream } from './stdio-stream.ts';

/** A healthy daemon answers these at once even under load. Only their timeout counts as a disturbance of the daemon. */
const QUICK: ReadonlySet<Operation> = new Set(['attach', 'inspect', 'list', 'ping']);

/** What the daemon reports about itself and its host. */
export interface DaemonInfo {
  /** 0 where the daemon does not report it. */
  readonly cgroupVersion: number;
  readonly defaultRuntime: string;
  readonly runtimes: readonly string[];
  readonly storageDriver: string;
  readonly dataRoot: string;
  /** Whether containers keep running during a restart of the daemon. */
  readonly liveRestore: boolean;
  readonly seccomp: boolean;
  /** Of the engine's machine, as `uname -m` has it; empty where it is not reported. */
  readonly architecture: string;
}

interface CreatedContainer {
  readonly Id: string;
  /** For example that a limit was discarded. */
  readonly Warnings?: readonly string[] | null;
}

export interface EventStream {
  readonly lines: Readable;
  /** The engine's wall clock at the start of its answer, to the second; NaN where it sends none. */
  readonly engineMs: number;
}

/** Requests to one Docker daemon, each with a deadline. Remembers when the daemon was last unreachable. */
export class DockerConnection {
  readonly docker: Docker;
  readonly clock: Clock;
  /** Whether the daemon may run on this host, so that its paths are ours. */
  readonly local: boolean;
  #disturbedAt = -Infinity;

  /** @param dockerHost Format of DOCKER_HOST (`unix:///run/docker.sock`, `tcp://host:2376`); absent: from the environment. */
  constructor(clock: Clock, dockerHost?: string) {
    const host = dockerHost ?? process.env['DOCKER_HOST'] ?? '';
    this.clock = clock;
    this.local = host === '' || host.startsWith('unix:');
    this.docker = connect(host);
  }

  /** The answer within the deadline. The request continues after it; the caller tracks its end. @throws SandboxFault */
  async ask<T>(operation: Operation, deadline: Deadline, request: Promise<T>): Promise<T> {
    try {
      return await deadline.race(request);
    } catch (error) {
      const fault = dockerFault(operation, error);
      const tooSlow = error instanceof DeadlineExceeded && !QUICK.has(operation);
      if (fault.code === 'engine_down' && !tooSlow) this.noteDisturbance();
      throw fault;
    }
  }

  /** To be called when the daemon did not answer, or ended a stream early. */
  noteDisturbance(): void {
    this.#disturbedAt = this.clock.monotonic();
  }

  disturbedSince(monotonicMs: number): boolean {
    return this.#disturbedAt >= monotonicMs;
  }

  /** Creates a container. dockerode's own method drops the warnings, and repeats the whole request in its URL. */
  create({ name, ...body }: Docker.ContainerCreateOptions): Promise<CreatedContainer> {
    // The words are part of the messages that docker-errors.ts classifies.
    const statusCodes = { 201: true, 400: 'bad parameter', 404: 'no such container', 500: 'server error' };
    const options: object = { _query: { name }, _body: body };
    return new Promise((resolve, reject) => {
      const dial = { path: '/containers/create?', method: 'POST', options, statusCodes };
      this.docker.modem.dial(dial, (error: Error | null, created) => {
        if (error === null) resolve(created as CreatedContainer);
        else reject(error);
      });
    });
  }

  /** Attaches to stdin and stdout of a container, which need not run yet. */
  async attach(id: string): Promise<Duplex> {
    // Options go into the query only: the daemon would pass a request body to stdin.
    const query = { stream: true, stdin: true, stdout: true, stderr: false };
    const options: object = { _query: query, _body: {}, hijack: true };
    try {
      const socket: unknown = await this.docker.getContainer(id).attach(options);
      return new StdioStream(socket as Duplex);
    } catch (error) {
      throw dockerFault('attach', error);
    }
  }

  /** Attaches to a running container; `lost` where it does not run: the attach request would never end. */
  async attachRunning(id: string, deadline: Deadline): Promise<Duplex> {
    const { State: state } = await this.ask('inspect', deadline, this.docker.getContainer(id).inspect());
    if (state.Running && !state.Restarting) return this.attach(id);
    throw new SandboxFault('lost', `the container is ${state.Status}, exit code ${String(state.ExitCode)}`);
  }

  /** Of the container's first process, on the engine's host; 0 where it does not run. @throws SandboxFault */
  async pidOf(id: string, deadline: Deadline): Promise<number> {
    const { State: state } = await this.ask('inspect', deadline, this.docker.getContainer(id).inspect());
    return state.Pid;
  }

  async info(deadline: Deadline): Promise<DaemonInfo> {
    interface Raw {
      readonly CgroupVersion?: string;
      readonly DefaultRuntime?: string;
      readonly Runtimes?: Record<string, unknown>;
      readonly Driver: string;
      readonly DockerRootDir: string;
      readonly LiveRestoreEnabled?: boolean;
      readonly Architecture?: string;
      readonly SecurityOptions?: readonly string[];
    }
    const raw = (await this.ask('ping', deadline, this.docker.info())) as Raw;
    return {
      cgroupVersion: Number(raw.CgroupVersion ?? 0),
      defaultRuntime: raw.DefaultRuntime ?? 'runc',
      runtimes: Object.keys(raw.Runtimes ?? {}),
      storageDriver: raw.Driver,
      dataRoot: raw.DockerRootDir,
      architecture: raw.Architecture ?? '',
      liveRestore: raw.LiveRestoreEnabled === true,
      seccomp: (raw.SecurityOptions ?? []).some((option) => option.includes('seccomp')),
    };
  }

  /** The engine's events as lines of JSON, up to `until` on its clock; without `until` the stream stays open. */
  async events(query: object): Promise<EventStream> {
    const answer = (await this.docker.getEvents(query)) as unknown as IncomingMessage;
    return { lines: answer, engineMs: Date.parse(answer.headers.date ?? '') };
  }

  /** Creates an image of one layer from a tar archive. Resolves when the image exists. */
  async importImage(archive: Buffer, repo: string, tag: string): Promise<void> {
    const progress: unknown = await this.docker.importImage(Readable.from([archive]), { repo, tag });
    await buffer(progress as Readable);
  }
}

function connect(host: string): Docker {
  if (!host.startsWith('unix:')) {
    // Covers TLS, ssh and the default socket: docker-modem reads the environment for these.
    if (host === (process.env['DOCKER_HOST'] ?? '')) return new Docker();
    const url = new URL(host);
    return new Docker({ host: url.hostname, port: Number(url.port || 2375) });
  }
  return new Docker({ socketPath: new URL(host).pathname });
}
