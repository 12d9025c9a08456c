import type { IncomingMessage } from 'node:http';
import { Readable, type Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import Docker from 'dockerode';
import type { Clock } from '../../kernel/clock.ts';
import { DeadlineExceeded, type Deadline } from '../../kernel/deadline.ts';
import { SandboxFault } from '../sandbox.ts';
import { dockerFault, type Operation } from './docker-errors.ts';
import { StdioStream } from './stdio-stream.ts';

/** Requests that a healthy daemon answers at once, however busy it is: only their silence shows a stalled one. */
const QUICK: ReadonlySet<Operation> = new Set(['attach', 'inspect', 'list', 'ping']);

/** What the daemon says of itself and its host. */
export interface DaemonInfo {
  /** 0 where it doesn't say. */
  readonly cgroupVersion: number;
  readonly defaultRuntime: string;
  readonly runtimes: readonly string[];
  readonly storageDriver: string;
  readonly dataRoot: string;
  /** Whether containers outlive a restart of the daemon. */
  readonly liveRestore: boolean;
  readonly seccomp: boolean;
}

export interface EventStream {
  readonly lines: Readable;
  /** The engine's wall clock as it began to answer, in whole seconds; NaN where it doesn't tell. */
  readonly engineMs: number;
}

/** Requests to one Docker daemon, each with a deadline, and the memory of when it was last not there. */
export class DockerConnection {
  readonly docker: Docker;
  readonly clock: Clock;
  /** Whether paths of the daemon's host may be paths of ours. */
  readonly local: boolean;
  #disturbedAt = -Infinity;

  /** @param host As DOCKER_HOST has it (`unix:///run/docker.sock`, `tcp://host:2376`); absent: as the environment says. */
  constructor(clock: Clock, dockerHost?: string) {
    const host = dockerHost ?? process.env['DOCKER_HOST'] ?? '';
    this.clock = clock;
    this.local = host === '' || host.startsWith('unix:');
    this.docker = connect(host);
  }

  /** The answer within the deadline. The request itself goes on: who needs its end looks after it. @throws SandboxFault */
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

  /** The daemon did not answer, or a stream of its own ended. */
  noteDisturbance(): void {
    this.#disturbedAt = this.clock.monotonic();
  }

  disturbedSince(monotonicMs: number): boolean {
    return this.#disturbedAt >= monotonicMs;
  }

  /** The container's stdin and stdout, whether it runs already or not. */
  async attach(id: string): Promise<Duplex> {
    // Options go into the query alone: a request body would be read as the first bytes of stdin.
    const query = { stream: true, stdin: true, stdout: true, stderr: false };
    const options: object = { _query: query, _body: {}, hijack: true };
    try {
      const socket: unknown = await this.docker.getContainer(id).attach(options);
      return new StdioStream(socket as Duplex);
    } catch (error) {
      throw dockerFault('attach', error);
    }
  }

  /** The same for a container that should be running. On one that is not, an attachment would wait for ever. */
  async attachRunning(id: string, deadline: Deadline): Promise<Duplex> {
    const { State: state } = await this.ask('inspect', deadline, this.docker.getContainer(id).inspect());
    if (state.Running && !state.Restarting) return this.attach(id);
    throw new SandboxFault('lost', `the container is ${state.Status}, exit code ${String(state.ExitCode)}`);
  }

  async info(deadline: Deadline): Promise<DaemonInfo> {
    interface Raw {
      readonly CgroupVersion?: string;
      readonly DefaultRuntime?: string;
      readonly Runtimes?: Record<string, unknown>;
      readonly Driver: string;
      readonly DockerRootDir: string;
      readonly LiveRestoreEnabled?: boolean;
      readonly SecurityOptions?: readonly string[];
    }
    const raw = (await this.ask('ping', deadline, this.docker.info())) as Raw;
    return {
      cgroupVersion: Number(raw.CgroupVersion ?? 0),
      defaultRuntime: raw.DefaultRuntime ?? 'runc',
      runtimes: Object.keys(raw.Runtimes ?? {}),
      storageDriver: raw.Driver,
      dataRoot: raw.DockerRootDir,
      liveRestore: raw.LiveRestoreEnabled === true,
      seccomp: (raw.SecurityOptions ?? []).some((option) => option.includes('seccomp')),
    };
  }

  /** The engine's events as lines of JSON, up to `until` on its clock; without it the stream stays open. */
  async events(query: object): Promise<EventStream> {
    const answer = (await this.docker.getEvents(query)) as unknown as IncomingMessage;
    return { lines: answer, engineMs: Date.parse(answer.headers.date ?? '') };
  }

  /** Makes an image of one layer from a tar. Resolves when it is there. */
  async importImage(archive: Buffer, repo: string, tag: string): Promise<void> {
    const progress: unknown = await this.docker.importImage(Readable.from([archive]), { repo, tag });
    await buffer(progress as Readable);
  }
}

function connect(host: string): Docker {
  if (!host.startsWith('unix:')) {
    // Also TLS, ssh and the default socket; docker-modem reads the environment for these.
    if (host === (process.env['DOCKER_HOST'] ?? '')) return new Docker();
    const url = new URL(host);
    return new Docker({ host: url.hostname, port: Number(url.port || 2375) });
  }
  return new Docker({ socketPath: new URL(host).pathname });
}
