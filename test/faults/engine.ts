import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LoopDisk } from './loop-disk.ts';

const run = promisify(execFile);
const SET_UP = join(import.meta.dirname, '../../docker/setup/engine');
const HANGING_RUNTIME = join(import.meta.dirname, 'hanging-runtime');
const POLL_MS = 50;
const END_MS = 20_000;
const START_MS = 330_000;
const DISK_BYTES = 4 * 2 ** 30;

export type EngineProcess = 'dockerd' | 'containerd';

const PID_FILES = {
  dockerd: 'dockerd.pid',
  containerd: 'run/containerd/containerd.pid',
} as const satisfies Record<EngineProcess, string>;

/**
 * A dockerd of our own, on a disk of our own, that may be killed, stopped, filled and frozen: nothing else on the
 * machine uses it. Its containers are in a cgroup of their own below every controller's root.
 */
export class PrivateEngine implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'faultline-faults-'));
  readonly disk = new LoopDisk(join(this.folder, 'disk.image'), join(this.folder, 'data'), DISK_BYTES);

  /** @param images Copied from the machine's engine. */
  static async start(
    images: readonly string[],
    options: { readonly liveRestore: boolean },
  ): Promise<PrivateEngine> {
    const engine = new PrivateEngine();
    try {
      await engine.disk.mount();
      engine.#configure(options.liveRestore);
      await engine.start();
      await engine.#load(images);
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The name of its containers' parent below each cgroup controller. */
  get cgroup(): string {
    return `faultline-faults-${this.folder.slice(-6)}`;
  }

  get socket(): string {
    return join(this.folder, 'docker.sock');
  }

  #configure(liveRestore: boolean): void {
    const runtimes = join(this.folder, 'runtimes');
    mkdirSync(runtimes);
    copyFileSync(HANGING_RUNTIME, join(runtimes, 'hanging'));
    const settings = {
      'live-restore': liveRestore,
      'shutdown-timeout': 1,
      'cgroup-parent': `/${this.cgroup}`,
      runtimes: {
        crun: { path: join(runtimes, 'crun-hybrid') },
        hanging: { path: join(runtimes, 'hanging') },
      },
    };
    writeFileSync(join(this.folder, 'daemon.json'), JSON.stringify(settings));
  }

  async #load(images: readonly string[]): Promise<void> {
    const archive = join(this.folder, 'images.tar');
    await run('docker', ['save', '-o', archive, ...images], { timeout: 120_000 });
    await this.docker('load', '-q', '-i', archive);
    rmSync(archive);
  }

  /** Starts the daemon, also again after its end, and resolves when it answers. */
  async start(): Promise<void> {
    await run(SET_UP, { env: { ...process.env, FAULTLINE_ENGINE_ROOT: this.folder }, timeout: START_MS });
  }

  /** Null where it doesn't run. */
  pidOf(name: EngineProcess): number | null {
    const file = join(this.folder, PID_FILES[name]);
    if (!existsSync(file)) return null;
    const pid = Number(readFileSync(file, 'utf8'));
    return isRunning(pid) ? pid : null;
  }

  /** With KILL and TERM, resolves at its end. @throws Error where it doesn't run, or doesn't end. */
  async signal(name: EngineProcess, signal: NodeJS.Signals): Promise<void> {
    const pid = this.pidOf(name);
    if (pid === null) throw new Error(`${name} doesn't run`);
    process.kill(pid, signal);
    if (signal !== 'SIGKILL' && signal !== 'SIGTERM') return;
    await endOf(pid);
  }

  async docker(...args: string[]): Promise<string> {
    return (await run('docker', ['-H', `unix://${this.socket}`, ...args], { timeout: 120_000 })).stdout;
  }

  /** Host process of the container's PID 1. */
  async pidOfContainer(id: string): Promise<number> {
    return Number(await this.docker('inspect', '-f', '{{.State.Pid}}', id));
  }

  /** Without a daemon that might hang: everything that runs from its folder is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disk.thaw();
    for (let left = this.#processes(); left.length > 0; left = this.#processes()) {
      for (const pid of left) killIfThere(pid);
      await sleep(POLL_MS);
    }
    await this.disk[Symbol.asyncDispose]();
    for (const mount of mountsBelow(this.folder)) await run('umount', ['-l', mount], { timeout: 30_000 });
    rmSync(this.folder, { recursive: true, force: true });
    this.#removeCgroups();
  }

  /** Daemons and shims, which have our folder on their command line, and what they have started. */
  #processes(): number[] {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const ours = pids.filter((pid) => {
      const words = textOf(`/proc/${pid}/cmdline`).split('\0');
      const isEngine = words.some((word) => word.includes(this.folder)) && pid !== String(process.pid);
      return (
        (isEngine || textOf(`/proc/${pid}/cgroup`).includes(`/${this.cgroup}/`)) && isRunning(Number(pid))
      );
    });
    return ours.map(Number);
  }

  #removeCgroups(): void {
    for (const controller of readdirSync('/sys/fs/cgroup')) {
      const folder = join('/sys/fs/cgroup', controller, this.cgroup);
      if (existsSync(folder)) removeCgroup(folder);
    }
  }
}

function removeCgroup(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(folder, entry.name));
  rmdirSync(folder);
}

/** The daemon leaves its network namespaces behind; the last mounted comes first. */
function mountsBelow(folder: string): string[] {
  const mounts = textOf('/proc/self/mounts').split('\n');
  return mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${folder}/`))
    .reverse();
}

function killIfThere(pid: number): void {
  if (isRunning(pid)) process.kill(pid, 'SIGKILL');
}

async function endOf(pid: number): Promise<void> {
  const deadline = performance.now() + END_MS;
  while (isRunning(pid)) {
    if (performance.now() > deadline) throw new Error(`process ${String(pid)} does not end`);
    await sleep(POLL_MS);
  }
}

/** A zombie, which nobody collects, has ended. */
function isRunning(pid: number): boolean {
  const status = textOf(`/proc/${String(pid)}/status`);
  return status !== '' && !/^State:\s+Z/m.test(status);
}

/** Empty where there is no such file any more: processes come and go. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
