import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const setUp = join(import.meta.dirname, '../../../docker/setup/engine');
const POLL_MS = 50;

/** A dockerd of the test's own, that may be killed: nothing else on the machine uses it. */
export class PrivateEngine implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'faultline-engine-'));

  static async start(images: readonly string[]): Promise<PrivateEngine> {
    const engine = new PrivateEngine();
    await engine.start();
    try {
      await engine.#bring(images);
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Images of the machine's engine, into this one. */
  async #bring(images: readonly string[]): Promise<void> {
    const archive = join(this.#folder, 'images.tar');
    await run('docker', ['save', '-o', archive, ...images], { timeout: 120_000 });
    await this.docker('load', '-q', '-i', archive);
    rmSync(archive);
  }

  get address(): string {
    return `unix://${this.#folder}/docker.sock`;
  }

  /** Starts the daemon, again after `kill`. Its containers have lived on. */
  async start(): Promise<void> {
    await run(setUp, { env: { ...process.env, FAULTLINE_ENGINE_ROOT: this.#folder }, timeout: 90_000 });
  }

  /** SIGKILL to the daemon alone. */
  async kill(): Promise<void> {
    const pid = this.#pid('dockerd.pid');
    if (pid !== null) await endOf(pid, 'SIGKILL');
  }

  async docker(...args: string[]): Promise<string> {
    return (await run('docker', ['-H', this.address, ...args], { timeout: 120_000 })).stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.start(); // A test that failed may have left it killed.
    const left = (await this.docker('ps', '-aq')).split('\n').filter((id) => id !== '');
    if (left.length > 0) await this.docker('rm', '-f', ...left);
    const containerd = this.#pid('run/containerd/containerd.pid');
    const pid = this.#pid('dockerd.pid');
    if (pid !== null) await endOf(pid, 'SIGTERM');
    if (containerd !== null) await endOf(containerd, 'SIGKILL');
    for (const mount of this.#mounts()) await run('umount', ['-l', mount], { timeout: 10_000 });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What a killed daemon left mounted, innermost first. */
  #mounts(): string[] {
    const points = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '');
    return points.filter((point) => point.startsWith(`${this.#folder}/`)).toReversed();
  }

  #pid(file: string): number | null {
    const path = join(this.#folder, file);
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : null;
  }
}

async function endOf(pid: number, signal: NodeJS.Signals): Promise<void> {
  if (!existsSync(`/proc/${String(pid)}`)) return;
  process.kill(pid, signal);
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

/** A zombie, which nobody collects, has ended. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false;
  }
}
