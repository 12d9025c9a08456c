import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HostRoots } from '../../../src/sandbox/docker/cgroup-paths.ts';

/** Files as a host with cgroup v2 shows them, in a folder: /sys/fs/cgroup and /proc. */
export class HostTree implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'faultline-host-'));
  readonly roots: HostRoots = { cgroup: join(this.#folder, 'cgroup'), proc: join(this.#folder, 'proc') };

  constructor() {
    this.group('cgroup.controllers', 'cpu memory pids cpuset\n');
    this.group('cpuset.cpus.effective', '0-3\n');
    this.proc('meminfo', `MemTotal:       ${String(16 * 1024 * 1024)} kB\nMemFree: 1 kB\n`);
    this.proc('sys/kernel/pid_max', '32768\n');
    this.proc('sys/kernel/threads-max', '127000\n');
    this.proc('loadavg', '1.00 1.00 1.00 3/400 1234\n');
    this.idle(0);
  }

  /** A file below /sys/fs/cgroup. */
  group(path: string, text: string): void {
    write(join(this.roots.cgroup, path), text);
  }

  proc(path: string, text: string): void {
    write(join(this.roots.proc, path), text);
  }

  removeGroup(path: string): void {
    rmSync(join(this.roots.cgroup, path), { recursive: true });
  }

  /** Seconds that each of the four processors has been idle. */
  idle(seconds: number): void {
    const line = (name: string): string => `${name} 1 2 3 ${String(seconds * 100)} 0 0 0 5 0 0\n`;
    this.proc(
      'stat',
      `cpu  1 2 3 9 0 0 0 0 0 0\n${['cpu0', 'cpu1', 'cpu2', 'cpu3'].map(line).join('')}intr 1 2\n`,
    );
  }

  /** A container's group, by its path from the root. */
  container(path: string, use: Partial<Use> = {}): void {
    const { usedS, memory, peak, oom, pids } = { usedS: 0, memory: 0, peak: 0, oom: 0, pids: 1, ...use };
    this.group(`${path}/cpu.stat`, `usage_usec ${String(usedS * 1e6)}\nuser_usec 1\nsystem_usec 2\n`);
    this.group(`${path}/cpu.weight`, '100\n');
    this.group(`${path}/memory.current`, `${String(memory)}\n`);
    this.group(`${path}/memory.peak`, `${String(Math.max(peak, memory))}\n`);
    this.group(`${path}/memory.events`, `low 0\nhigh 0\nmax 5\noom ${String(oom)}\noom_kill 0\n`);
    this.group(`${path}/pids.current`, `${String(pids)}\n`);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

export interface Use {
  readonly usedS: number;
  readonly memory: number;
  readonly peak: number;
  readonly oom: number;
  readonly pids: number;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
