import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { contentOf } from './cgroup-files.ts';

export type Controller = 'cpu' | 'cpuacct' | 'cpuset' | 'memory' | 'pids';

const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids'] as const satisfies readonly Controller[];
const ID = '{id}';
/** Where Docker puts containers unless `cgroup-parent` says otherwise: its cgroupfs driver, and its systemd driver. */
const USUAL = [`/docker/${ID}`, `/system.slice/docker-${ID}.scope`];

/** Mount points of the host's files. Others in tests only. */
export interface HostRoots {
  readonly cgroup: string;
  readonly proc: string;
}

export const HOST_ROOTS: HostRoots = { cgroup: '/sys/fs/cgroup', proc: '/proc' };

/**
 * Where the control groups of this engine's containers are, on cgroup v1 (one hierarchy per controller) or v2. The group of
 * a container is the one that carries its id: runtimes may make further groups in it, whose use and events it includes.
 */
export class CgroupPaths {
  readonly version: 1 | 2;
  readonly #root: string;
  /** By controller, below its hierarchy, with `{id}` in place of the container's id. */
  readonly #below: ReadonlyMap<Controller, string>;

  constructor(version: 1 | 2, root: string, below: ReadonlyMap<Controller, string>) {
    this.version = version;
    this.#root = root;
    this.#below = below;
  }

  /** The container's group; null where this controller has no group of its own for containers. */
  of(controller: Controller, id: string): string | null {
    const below = this.#below.get(controller);
    return below === undefined ? null : join(this.#hierarchy(controller), below.replace(ID, id));
  }

  /** The groups above those of containers, the nearest first, the root of the hierarchy last. */
  above(controller: Controller): string[] {
    const folders: string[] = [];
    let path = this.#below.get(controller) ?? '/';
    while (path !== '/') {
      path = dirname(path);
      folders.push(join(this.#hierarchy(controller), path));
    }
    return folders;
  }

  #hierarchy(controller: Controller): string {
    return this.version === 2 ? this.#root : join(this.#root, controller);
  }
}

/**
 * The paths, learned from one running container: from its process's own account where this process can read it, else from
 * the usual places. Null where neither leads to the container's files, as with an engine on another machine.
 */
export async function findCgroupPaths(
  id: string,
  pid: number,
  { cgroup, proc }: HostRoots = HOST_ROOTS,
): Promise<CgroupPaths | null> {
  const version = (await exists(join(cgroup, 'cgroup.controllers'))) ? 2 : 1;
  const account = (await contentOf(join(proc, String(pid), 'cgroup'))) ?? '';
  const usual = USUAL.map((path) => new Map(CONTROLLERS.map((name) => [name, path])));
  for (const below of [accountedPaths(account, id, version), ...usual]) {
    const paths = new CgroupPaths(version, cgroup, below);
    const folder = paths.of(version === 2 ? 'cpu' : 'cpuacct', id);
    const file = version === 2 ? 'cpu.stat' : 'cpuacct.usage';
    if (folder !== null && (await exists(join(folder, file)))) return paths;
  }
  return null;
}

/** The lines of /proc/PID/cgroup that name the container. Seen from another pid namespace, the pid is another process's. */
function accountedPaths(account: string, id: string, version: 1 | 2): ReadonlyMap<Controller, string> {
  const below = new Map<Controller, string>();
  for (const line of account.split('\n')) {
    const [, number, names = '', path = ''] = /^(\d+):([^:]*):(.+)$/.exec(line) ?? [];
    const own = upToId(path, id);
    if (own === null || (version === 2) !== (number === '0')) continue;
    const named = version === 2 ? CONTROLLERS : CONTROLLERS.filter((name) => names.split(',').includes(name));
    for (const name of named) below.set(name, own);
  }
  return below;
}

function upToId(path: string, id: string): string | null {
  const parts = path.split('/');
  const last = parts.findLastIndex((part) => part.includes(id));
  return last < 0
    ? null
    : parts
        .slice(0, last + 1)
        .join('/')
        .replace(id, ID);
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}
