import { hostname } from 'node:os';
import { GenericContainer, PullPolicy, type StartedTestContainer } from 'testcontainers';
import { docker } from './docker.ts';

// testcontainers' reaper is an image from a registry, and none can be reached. `sweep` replaces it.
process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';

const OWNER_LABEL = 'faultline.test-owner';
const PREFIX = 'faultline-test';
const HOST = hostname().replaceAll(/[^\w-]/g, '_');
const SWEEP_MS = 60_000;
/** Longer than a controller needs to remove its sandboxes. */
const STOP_S = '20';

let made = 0;

/** A name for a container, network or volume of this process, by which `sweep` knows whose it was. */
export function ownName(): string {
  made += 1;
  return [PREFIX, HOST, String(process.pid), String(made)].join('.');
}

/** One of the images that `docker/setup/images --for-tests` or `docker/setup/controller` built. Never pulled. */
export class TestContainer extends GenericContainer {
  constructor(image: string) {
    super(image);
    const name = ownName();
    this.withName(name)
      .withLabels({ [OWNER_LABEL]: name })
      .withPullPolicy(PullPolicy.neverPull())
      .withDefaultLogDriver();
  }

  /** On loopback only, unlike `withExposedPorts`; the same port after a restart. */
  withLoopbackPort(inside: number, port: number): this {
    const key = `${String(inside)}/tcp`;
    this.createOpts.ExposedPorts = { [key]: {} };
    this.hostConfig.PortBindings = { [key]: [{ HostIp: '127.0.0.1', HostPort: String(port) }] };
    return this;
  }

  override async start(): Promise<StartedTestContainer> {
    await (swept ??= sweep());
    return await super.start();
  }
}

let swept: Promise<void> | undefined;

interface Leftover {
  readonly name: string;
  readonly remove: () => Promise<unknown>;
}

/** Removes what killed test processes of this machine left. Once per process, before its first container. */
async function sweep(): Promise<void> {
  const end = Date.now() + SWEEP_MS;
  for (;;) {
    const left = await leftovers();
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`not removed: ${left.map(({ name }) => name).join(', ')}`);
    // Another test process may be removing the same, so a failure means nothing; whether it is gone is read again.
    await Promise.allSettled(left.map(({ remove }) => remove()));
  }
}

/** Containers first: they hold the others. */
async function leftovers(): Promise<Leftover[]> {
  const listed = async (...args: string[]): Promise<string[]> =>
    (await docker(...args)).split('\n').filter(isAbandoned);
  const containers = await listed('ps', '-a', '--filter', `label=${OWNER_LABEL}`, '--format', '{{.Names}}');
  if (containers.length > 0) return containers.map((name) => ({ name, remove: () => stopAndRemove(name) }));
  const byName = ['--filter', `name=${PREFIX}`, '--format', '{{.Name}}'];
  const networks = await listed('network', 'ls', ...byName);
  const volumes = await listed('volume', 'ls', ...byName);
  return [
    ...networks.map((name) => ({ name, remove: () => docker('network', 'rm', name) })),
    ...volumes.map((name) => ({ name, remove: () => docker('volume', 'rm', name) })),
  ];
}

/** An orderly stop, so that a controller removes its sandboxes. */
async function stopAndRemove(container: string): Promise<void> {
  await docker('stop', '-t', STOP_S, container);
  await docker('rm', '-v', container);
}

/** A process number that another process has got delays the removal to a later run. */
function isAbandoned(name: string): boolean {
  const [prefix, host, pid] = name.split('.');
  if (prefix !== PREFIX || host !== HOST || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
