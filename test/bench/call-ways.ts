import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PLAIN_IMAGE } from '../demo/cases.ts';
import type { Platform } from '../demo/platform.ts';
import { DEMO_LABEL, removeLabelled, templateOf } from '../demo/reference.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import type { Catalog, Task } from '../../src/policy/schema.ts';
import { seccompProfiles } from '../../src/policy/seccomp.ts';
import { BUILT_SANDBOXD } from '../../src/sandbox/docker/sandboxd-volume.ts';
import type { DockerConnection } from '../../src/sandbox/docker/docker-connection.ts';
import { DockerEngine } from '../../src/sandbox/docker/docker-engine.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { callLimits } from '../../src/tools/tool.ts';

export interface Configuration {
  readonly catalog: Catalog;
  readonly policiesDir: string;
}

/** One way to run `true` in a sandbox that already exists. */
export interface Way extends AsyncDisposable {
  once(): Promise<void>;
}

const within = <T>(work: Promise<T>): Promise<T> =>
  Deadline.after(systemClock, 'engine_request', 60_000).race(work);

/** The smallest call of each tool: one process for the shell, none for the resident interpreter. */
const CALLS = {
  shell: { tool: 'shell', arguments: { command: 'true' } },
  python: { tool: 'python', arguments: { code: 'pass' } },
} as const;

/** A call in the platform's form, including HTTP, evidence, judgement and flushed journal. */
export class HttpCalls implements Way {
  tool: keyof typeof CALLS = 'shell';
  readonly rollout = `trace_bench_${randomBytes(4).toString('hex')}`;
  readonly #platform: Platform;
  #calls = 0;

  private constructor(platform: Platform) {
    this.#platform = platform;
  }

  static async open(platform: Platform): Promise<HttpCalls> {
    const way = new HttpCalls(platform);
    await way.once();
    return way;
  }

  async once(): Promise<void> {
    const { status, output } = await this.#platform.tool({
      rollout: this.rollout,
      callId: `call_${String(this.#calls++)}`,
      ...CALLS[this.tool],
      item: { fs: PLAIN_IMAGE },
    });
    if (status !== 200 || output !== '')
      throw new Error(`${this.tool} was answered with ${String(status)}: ${output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#platform.end(this.rollout);
  }
}

/** sandboxd over its attached stream, without HTTP, journal or judgement. */
export class BareSandboxd implements Way {
  readonly #engine: DockerEngine;
  readonly #sandbox: Sandbox;
  readonly #task: Task;

  private constructor(engine: DockerEngine, sandbox: Sandbox, task: Task) {
    this.#engine = engine;
    this.#sandbox = sandbox;
    this.#task = task;
  }

  static async start({ catalog, policiesDir }: Configuration): Promise<BareSandboxd> {
    const task = catalog.defaultTask;
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const controllerId = `bench-${randomBytes(4).toString('hex')}`;
    const engine = await DockerEngine.connect({
      controllerId,
      clock: systemClock,
      log: silent,
      sandboxd: BUILT_SANDBOXD,
      seccompProfiles: seccompProfiles(policiesDir, catalog.policies.values()),
    });
    const spec = { image: task.image, policy: task.policy, poolClass: 'bench' };
    const sandbox = await engine.start(spec, Deadline.after(systemClock, 'sandbox_start', 60_000));
    return new BareSandboxd(engine, sandbox, task);
  }

  async once(): Promise<void> {
    const { policy } = this.#task;
    // The readiness check has already used some numbers.
    const number = this.#sandbox.lastCall + 1;
    const ending = await this.#sandbox.run(
      number,
      { kind: 'shell', command: 'true' },
      callLimits(policy, policy.times.call_default),
    );
    this.#sandbox.acknowledge(number);
    if (ending.type !== 'exited' || ending.waitStatus !== 0)
      throw new Error(`"true" ended as ${JSON.stringify(ending)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.remove(this.#sandbox.handle, Deadline.after(systemClock, 'engine_request', 60_000));
    await this.#engine[Symbol.asyncDispose]();
  }
}

/**
 * The lower bound of all ways: a fork and an exec of bash, measured by a shell on this machine. All figures depend on it,
 * above all in a virtual machine in which page tables are expensive.
 */
export class BashAlone implements Way {
  readonly #shell = spawn('bash', [], { stdio: ['pipe', 'pipe', 'inherit'] });

  async once(): Promise<void> {
    const answered = once(this.#shell.stdout, 'data');
    this.#shell.stdin.write('bash -c true; echo\n');
    await within(answered);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#shell, 'exit');
    this.#shell.stdin.end();
    await within(exit);
  }
}

/** The three requests of `docker exec`, without the start of its command line program. */
export class DockerExec implements Way {
  readonly #connection: DockerConnection;
  readonly #id: string;
  readonly #run: string;

  private constructor(connection: DockerConnection, id: string, run: string) {
    this.#connection = connection;
    this.#id = id;
    this.#run = run;
  }

  /** Runs in a plain copy of a running sandbox: the same image and limits, and the given runtime. */
  static async start(connection: DockerConnection, runtime: string): Promise<DockerExec> {
    const run = `bench-${randomBytes(4).toString('hex')}`;
    const { create } = await templateOf(connection, PLAIN_IMAGE);
    const twin: { readonly HostConfig?: object } = create;
    const container = await within(
      connection.docker.createContainer({
        ...twin,
        HostConfig: { ...twin.HostConfig, Runtime: runtime },
        Labels: { [DEMO_LABEL]: run },
      }),
    );
    await within(container.start());
    return new DockerExec(connection, container.id, run);
  }

  async once(): Promise<void> {
    const container = this.#connection.docker.getContainer(this.#id);
    const options = { Cmd: ['bash', '-c', 'true'], AttachStdout: true, AttachStderr: true };
    const exec = await within(container.exec(options));
    const stream = await within(exec.start({ hijack: true, stdin: false }));
    const ended = new Promise<void>((resolve) => stream.once('end', resolve));
    stream.resume();
    await within(ended);
    stream.destroy();
    const { ExitCode: code } = await within(exec.inspect());
    if (code !== 0 && code !== null) throw new Error(`"true" ended with ${String(code)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeLabelled(this.#connection, `${DEMO_LABEL}=${this.#run}`);
  }
}
