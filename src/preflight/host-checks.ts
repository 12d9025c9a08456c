import { USUAL_PID_MAX } from './host-facts.ts';
import type { HostFacts, LiveCap } from '../admission/live-cap.ts';
import { lowLimits, type SharedLimitFacts } from './shared-limits.ts';

/** Facts about the engine that limit the number of sandboxes or their reliability. */
export interface EngineFacts {
  readonly version: string;
  readonly liveRestore: boolean;
  readonly seccomp: boolean;
  readonly storageDriver: string;
  readonly dataRoot: string;
  readonly dataRootFreeBytes: number | null;
  readonly dataRootTotalBytes: number | null;
  readonly cgroupVersion: number;
  readonly chosenRuntime: string;
}

/** One check and its result. */
export interface Check {
  readonly what: string;
  readonly found: string;
  /** Number of sandboxes that it allows; null where it doesn't limit the number. */
  readonly sandboxes: number | null;
  /** `warn`: works, with a disadvantage. `bad`: rollouts will fail. */
  readonly state: 'ok' | 'warn' | 'bad';
  /** What to do, as commands where possible. Null where nothing has to be done. */
  readonly advice: string | null;
}

const OLDEST_ENGINE = [20, 10] as const;
/** With less than either of these, a burst may fill the disk. */
const LEAST_FREE_BYTES = 10 * 2 ** 30;
const LEAST_FREE_SHARE = 0.1;
const ENOUGH_DESCRIPTORS = 8_192;

/** What limits the sandboxes on this host, and what to change. Pure. */
export function preflight(
  host: HostFacts & SharedLimitFacts,
  engine: EngineFacts,
  cap: LiveCap,
): readonly Check[] {
  return [...ofEngine(engine), ...ofHost(host, cap)];
}

function ofEngine(engine: EngineFacts): readonly Check[] {
  const { chosenRuntime, cgroupVersion, liveRestore, seccomp } = engine;
  const check = (what: string, found: string, state: Pick<Check, 'state' | 'advice'>): Check => ({
    what,
    found,
    sandboxes: null,
    ...state,
  });
  const slow = warn(
    'crun starts a container in 70 % of the time and a quarter of the CPU: apt-get install crun',
  );
  const mortal = warn('add "live-restore": true to /etc/docker/daemon.json; systemctl reload docker');
  const unfiltered = bad(
    'the engine does not filter system calls; use an engine that was built with seccomp',
  );
  return [
    engineVersion(engine),
    check('runtime', chosenRuntime, chosenRuntime.includes('crun') ? fine : slow),
    check('cgroups', `v${String(cgroupVersion)}`, fine),
    check(
      'restart of the daemon',
      liveRestore ? 'containers keep running' : 'containers end',
      liveRestore ? fine : mortal,
    ),
    check('seccomp', seccomp ? 'on' : 'off', seccomp ? fine : unfiltered),
    disk(engine),
  ];
}

function ofHost(host: HostFacts & SharedLimitFacts, { by }: LiveCap): readonly Check[] {
  const { memoryAvailableBytes, pidMax, descriptorLimit } = host;
  const fewPids = warn('sysctl -w kernel.pid_max=4194304');
  const fewFiles = warn('ulimit -n 65536 before the start, or LimitNOFILE=65536 in the unit');
  return [
    { what: 'memory', found: `${gib(memoryAvailableBytes)} available`, sandboxes: by.memory, ...fine },
    {
      what: 'process ids',
      found: String(pidMax),
      sandboxes: by.pids,
      ...(pidMax > USUAL_PID_MAX ? fine : fewPids),
    },
    {
      what: 'open files of this process',
      found: String(descriptorLimit),
      sandboxes: by.descriptors,
      ...(descriptorLimit >= ENOUGH_DESCRIPTORS ? fine : fewFiles),
    },
    sharedLimits(host),
  ];
}

const fine = { state: 'ok', advice: null } as const;
const warn = (advice: string) => ({ state: 'warn', advice }) as const;
const bad = (advice: string) => ({ state: 'bad', advice }) as const;

function engineVersion({ version }: EngineFacts): Check {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const old = major < OLDEST_ENGINE[0] || (major === OLDEST_ENGINE[0] && minor < OLDEST_ENGINE[1]);
  const state = old
    ? bad(`Docker ${OLDEST_ENGINE.join('.')} or later: https://docs.docker.com/engine/install`)
    : fine;
  return { what: 'engine', found: version, sandboxes: null, ...state };
}

function disk({
  storageDriver,
  dataRoot,
  dataRootFreeBytes: free,
  dataRootTotalBytes: total,
}: EngineFacts): Check {
  const what = 'disk of the engine';
  if (free === null || total === null)
    return { what, found: `${dataRoot} (${storageDriver}), not on this machine`, sandboxes: null, ...fine };
  const short = free < LEAST_FREE_BYTES || free < total * LEAST_FREE_SHARE;
  const found = `${gib(free)} free, ${storageDriver}`;
  const advice = 'docker system df; docker image prune; or a larger "data-root" in /etc/docker/daemon.json';
  return { what, found, sandboxes: null, ...(short ? warn(advice) : fine) };
}

/** One sandbox that uses up such a limit takes it from the others, and from a server or an engine of the same user. */
function sharedLimits(host: SharedLimitFacts): Check {
  const what = 'limits that sandboxes share';
  const low = lowLimits(host);
  if (low.length === 0) return { what, found: 'above what memory holds', sandboxes: null, ...fine };
  const found = low.map(({ name, value }) => `${name} ${String(value)}`).join(', ');
  const settings = low.map(({ name, wanted }) => `${name}=${String(wanted)}`).join(' ');
  return { what, found, sandboxes: null, ...warn(`sysctl -w ${settings}`) };
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
