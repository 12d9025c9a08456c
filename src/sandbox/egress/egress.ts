import { readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { pause, type Clock } from '../../kernel/clock.ts';
import { errorCode } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';

import type { EgressReading } from '../../outcome/evidence.ts';
import { AccessLog, type ProxiedRequest } from './access-log.ts';
import { EgressSocket, type EgressSocketCounts } from './egress-socket.ts';
import { ProxyHealth } from './health.ts';
import { NameServers } from './name-servers.ts';
import { rulesKey, type EgressRules } from './rules.ts';
import { squidConfig, type ProxyPort } from './squid-config.ts';
import { Squid } from './squid.ts';

/** What a proxy gets to begin to answer. */
const BEGIN_MS = 10_000;
/** How long the log's lines of connections that have ended are waited for. */
const LOGGED_MS = 1_000;
const LOGGED_POLL_MS = 5;

export interface EgressOptions {
  /** EgressSockets and the proxy's files. The same path on the engine's host. */
  readonly folder: string;
  /** IP addresses; none: those of /etc/resolv.conf. */
  readonly nameServers: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface EgressMark {
  readonly at: number;
  readonly open: number;
  readonly counts: EgressSocketCounts;
}

/** The way out for sandboxes whose policy lists hosts: a door for each, one proxy behind all of them. */
export class Egress implements AsyncDisposable {
  readonly #options: EgressOptions;
  readonly #health: ProxyHealth;
  readonly #stopped = new AbortController();
  readonly #ports = new Map<string, ProxyPort>();
  readonly #doors = new Map<string, EgressSocket>();
  /** By the port that a door's connection left from. */
  readonly #owners = new Map<number, EgressSocket>();
  readonly #names: NameServers;
  readonly #judging = new Set<Promise<void>>();
  #log: AccessLog | null = null;
  #squid: Squid | null = null;

  constructor(options: EgressOptions) {
    this.#options = options;
    this.#health = new ProxyHealth({
      clock: options.clock,
      log: options.log,
      port: () => [...this.#ports.values()][0]?.port ?? null,
      replace: () => this.#squid?.replace(),
    });
    this.#names = new NameServers(options.nameServers);
  }

  /**
   * From now on there is a way out by each of these rules. Those allowed before stay: sandboxes keep what they began
   * with. The proxy runs from the first on.
   *
   * @throws Error where there is no proxy, or it refuses the configuration.
   */
  async allow(all: readonly EgressRules[]): Promise<void> {
    const added = new Map(all.map((rules) => [rulesKey(rules), rules]));
    for (const key of this.#ports.keys()) added.delete(key);
    if (added.size === 0) return;
    const ports = new Map(this.#ports);
    for (const [key, rules] of added) ports.set(key, { key, rules, port: await freePort() });
    const { folder, nameServers, clock, log } = this.#options;
    this.#log ??= await AccessLog.listen((request) => {
      this.#take(request);
    });
    const place = { folder: join(folder, 'proxy'), logPort: this.#log.port, nameServers };
    const configuration = squidConfig([...ports.values()], place);
    const first = this.#squid === null;
    if (this.#squid !== null) await this.#squid.configure(configuration);
    else {
      const onEnd = (): void => {
        this.#health.noteDown();
      };
      this.#squid = await Squid.start({ folder: place.folder, clock, log, onEnd }, configuration);
    }
    for (const [key, port] of ports) this.#ports.set(key, port);
    this.#health.noteDown();
    await this.#health.ready(BEGIN_MS);
    if (first) void this.#health.watch(this.#stopped.signal);
    log.info({ rules: this.#ports.size, up: this.#health.up }, 'egress proxy');
  }

  /** Makes the door of a sandbox that is about to be made, or that was found again. Its folder outlives us. */
  async open(name: string, key: string): Promise<EgressSocket> {
    const folder = join(this.#options.folder, 'doors', name);
    const door: EgressSocket = await EgressSocket.open({
      folder,
      proxyPort: () => this.#ports.get(key)?.port ?? null,
      onConnected: (port) => this.#owners.set(port, door),
      onRefused: () => {
        this.#health.noteDown();
      },
    });
    this.#doors.set(name, door);
    return door;
  }

  /** The sandbox is gone. */
  async remove(name: string): Promise<void> {
    const door = this.#doors.get(name);
    if (door === undefined) return;
    this.#doors.delete(name);
    for (const [port, owner] of this.#owners) if (owner === door) this.#owners.delete(port);
    await door[Symbol.asyncDispose]();
    await rm(door.folder, { recursive: true, force: true });
  }

  /** Folders of sandboxes that ended while nobody looked after them. */
  async removeAllBut(names: ReadonlySet<string>): Promise<void> {
    const doors = join(this.#options.folder, 'doors');
    for (const name of await namesIn(doors))
      if (!names.has(name) && !this.#doors.has(name))
        await rm(join(doors, name), { recursive: true, force: true });
  }

  /** Waits until the proxy answers, at most so long. */
  ready(withinMs: number): Promise<void> {
    return this.#health.ready(withinMs);
  }

  mark(door: EgressSocket): EgressMark {
    return { at: this.#options.clock.monotonic(), open: door.open, counts: door.counts };
  }

  /** What happened at a door since. Asks the proxy where anything did, so that nothing is missed. */
  async since(door: EgressSocket, { at, open, counts: before }: EgressMark): Promise<EgressReading> {
    const connections = door.counts.connections - before.connections;
    if (connections + open > 0) {
      await this.#health.check();
      await this.#logged(door);
      await Promise.all(this.#judging);
    }
    const { denied, namesFailed } = door.counts;
    const disturbed = connections + open > 0 && this.#health.downSince(at);
    return {
      connections,
      denied: denied - before.denied,
      disturbed: disturbed || namesFailed > before.namesFailed,
    };
  }

  async #logged(door: EgressSocket): Promise<void> {
    const { clock } = this.#options;
    const until = clock.monotonic() + LOGGED_MS;
    while (door.unlogged > 0 && clock.monotonic() < until) await pause(clock, LOGGED_POLL_MS);
  }

  #take(request: ProxiedRequest): void {
    if (this.#health.logged(request.clientPort)) return;
    const door = this.#owners.get(request.clientPort);
    if (door === undefined) return;
    if (request.status >= 500) {
      const judging = this.#judge(door, request).finally(() => this.#judging.delete(judging));
      this.#judging.add(judging);
    }
    door.logged(request);
  }

  /** Why a listed host was not reached. What does not exist or does not answer is nobody's fault here. */
  async #judge(door: EgressSocket, { host, error }: ProxiedRequest): Promise<void> {
    const said = await this.#names.ask(host);
    if (said === 'nowhere' || (said === 'leads' && error !== 'ERR_DNS_FAIL')) return;
    door.nameFailed();
    this.#options.log.warn({ said, error }, 'a name was not resolved for a sandbox');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#doors.values()].map((door) => door[Symbol.asyncDispose]()));
    await this.#squid?.[Symbol.asyncDispose]();
    await this.#log?.[Symbol.asyncDispose]();
  }
}

/** None where there is no such folder: without a policy that lists hosts nobody makes it, and a file system may be read-only. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
