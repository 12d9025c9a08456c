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

/** How long a new proxy may take to answer. */
const BEGIN_MS = 10_000;
/** How long to wait for the log lines of ended connections. */
const LOGGED_MS = 1_000;
const LOGGED_POLL_MS = 5;
/** Requests that fail in one call, at most, for it to be excused by name servers that fail. */
const FAILURES = 100;
/** Parent of the egress sockets' folders. The name is 0.1.0's: its sandboxes, which an upgrade adopts, mount these paths. */
const SOCKETS_FOLDER = 'doors';
const PROXY_FOLDER = 'proxy';

export interface EgressOptions {
  /** Parent of the egress sockets and of the proxy's files. Must be the same path on the engine's host. */
  readonly folder: string;
  /** IP addresses; empty: those of /etc/resolv.conf. */
  readonly nameServers: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** The state of an egress socket at the start of a call. */
export interface EgressMark {
  readonly at: number;
  readonly open: number;
  readonly counts: EgressSocketCounts;
}

/** Network access for sandboxes whose sandbox policy lists hosts: one egress socket each, one proxy for all. */
export class Egress implements AsyncDisposable {
  readonly #options: EgressOptions;
  readonly #health: ProxyHealth;
  readonly #stopped = new AbortController();
  readonly #ports = new Map<string, ProxyPort>();
  readonly #egressSockets = new Map<string, EgressSocket>();
  /** By the local port of a connection to the proxy. */
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
      answered: () => void this.#squid?.noteAnswer(),
      replace: (silentMs) => void this.#squid?.replace(silentMs),
    });
    this.#names = new NameServers(options.nameServers);
  }

  /**
   * Adds these rules to the proxy's configuration. Rules added before stay: a sandbox keeps the rules that it started
   * with. The first call starts the proxy.
   *
   * @throws Error where Squid is not installed, or refuses the configuration.
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
    const place = { folder: join(folder, PROXY_FOLDER), logPort: this.#log.port, nameServers };
    const configuration = squidConfig([...ports.values()], place);
    const first = this.#squid === null;
    if (this.#squid !== null) await this.#squid.configure(configuration);
    else {
      const onEnd = (crashed: boolean): void => {
        this.#health.noteDown();
        this.#track(this.#noteEnd(crashed));
      };
      this.#squid = await Squid.start({ folder: place.folder, clock, log, onEnd }, configuration);
    }
    for (const [key, port] of ports) this.#ports.set(key, port);
    this.#health.noteDown();
    await this.#health.ready(BEGIN_MS);
    this.#names.list(all.flatMap((rules) => rules.map(({ host }) => host)));
    if (first) {
      void this.#health.watch(this.#stopped.signal);
      void this.#names.keepLearning(clock, this.#stopped.signal);
    }
    log.info({ rules: this.#ports.size, up: this.#health.up }, 'egress proxy configured');
  }

  /** Opens the egress socket of a sandbox that is about to be created, or is adopted. Its folder outlives this process. */
  async open(name: string, key: string): Promise<EgressSocket> {
    const folder = join(this.#options.folder, SOCKETS_FOLDER, name);
    const egressSocket: EgressSocket = await EgressSocket.open({
      folder,
      proxyPort: () => this.#ports.get(key)?.port ?? null,
      onConnected: (port) => this.#owners.set(port, egressSocket),
      onRefused: () => {
        this.#health.noteDown();
      },
    });
    this.#egressSockets.set(name, egressSocket);
    return egressSocket;
  }

  /** To be called when the sandbox is gone. */
  async remove(name: string): Promise<void> {
    const egressSocket = this.#egressSockets.get(name);
    if (egressSocket === undefined) return;
    this.#egressSockets.delete(name);
    for (const [port, owner] of this.#owners) if (owner === egressSocket) this.#owners.delete(port);
    await egressSocket[Symbol.asyncDispose]();
    await rm(egressSocket.folder, { recursive: true, force: true });
  }

  /** Removes the folders of sandboxes that ended while no controller ran. */
  async removeAllBut(names: ReadonlySet<string>): Promise<void> {
    const parent = join(this.#options.folder, SOCKETS_FOLDER);
    for (const name of await namesIn(parent))
      if (!names.has(name) && !this.#egressSockets.has(name))
        await rm(join(parent, name), { recursive: true, force: true });
  }

  /** Waits until the proxy answers, at most `withinMs`. @returns how long that took, in milliseconds. */
  async ready(withinMs: number): Promise<number> {
    const { clock } = this.#options;
    const began = clock.monotonic();
    await this.#health.ready(withinMs);
    return clock.monotonic() - began;
  }

  mark(egressSocket: EgressSocket): EgressMark {
    return { at: this.#options.clock.monotonic(), open: egressSocket.open, counts: egressSocket.counts };
  }

  /** What passed an egress socket since the mark. Where it had connections, first waits for the proxy's log of them. */
  async since(egressSocket: EgressSocket, { at, open, counts: before }: EgressMark): Promise<EgressReading> {
    const connections = egressSocket.counts.connections - before.connections;
    if (connections + open > 0) {
      await this.#health.check();
      await this.#logged(egressSocket);
      await Promise.all(this.#judging);
    }
    const { denied, namesFailed, failed } = egressSocket.counts;
    const down = connections + open > 0 && this.#health.downSince(at);
    // A sandbox that was connected when the proxy crashed may have crashed it, also for the calls until it is back.
    const crashed = down && egressSocket.crashedAt >= Math.min(at, this.#health.downAt);
    // One that asks for so many names may have been too much for the name servers.
    const nameless = namesFailed > before.namesFailed && failed - before.failed <= FAILURES;
    return {
      connections,
      denied: denied - before.denied,
      disturbed: (down && !crashed) || nameless,
      ...(crashed && { crashed }),
    };
  }

  /** The log lines of requests that the proxy had ended have come when this time has passed; the others were under way. */
  async #noteEnd(crashed: boolean): Promise<void> {
    const { clock } = this.#options;
    const atMs = clock.monotonic();
    await pause(clock, LOGGED_MS);
    for (const egressSocket of this.#egressSockets.values()) egressSocket.proxyEnded(crashed ? atMs : null);
  }

  #track(judging: Promise<void>): void {
    const tracked = judging.finally(() => this.#judging.delete(tracked));
    this.#judging.add(tracked);
  }

  async #logged(egressSocket: EgressSocket): Promise<void> {
    const { clock } = this.#options;
    const until = clock.monotonic() + LOGGED_MS;
    while (egressSocket.unlogged > 0 && clock.monotonic() < until) await pause(clock, LOGGED_POLL_MS);
  }

  #take(request: ProxiedRequest): void {
    if (this.#health.logged(request.clientPort)) return;
    const egressSocket = this.#owners.get(request.clientPort);
    if (egressSocket === undefined) return;
    if (request.status >= 500) this.#track(this.#judge(egressSocket, request));
    egressSocket.logged(request);
  }

  /** Why a listed host was not reached: ours only where names that are known to be good can't be resolved either. */
  async #judge(egressSocket: EgressSocket, { host, error }: ProxiedRequest): Promise<void> {
    if (!(await this.#names.mayHaveFailed(host, error)) || !(await this.#names.haveFailed(host))) return;
    egressSocket.nameFailed();
    this.#options.log.warn({ error }, 'the name servers of the proxy fail');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await Promise.all(
      [...this.#egressSockets.values()].map((egressSocket) => egressSocket[Symbol.asyncDispose]()),
    );
    await this.#squid?.[Symbol.asyncDispose]();
    await this.#log?.[Symbol.asyncDispose]();
    await this.#removeFolders();
  }

  /** What this process leaves on the host: nothing, unless sandboxes stay, which mount the folders of their sockets. */
  async #removeFolders(): Promise<void> {
    const { folder } = this.#options;
    await rm(join(folder, PROXY_FOLDER), { recursive: true, force: true });
    const kept = await namesIn(join(folder, SOCKETS_FOLDER));
    if (kept.length === 0) await rm(folder, { recursive: true, force: true });
  }
}

/** Empty where the folder does not exist: it is created with the first egress socket. */
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
