import { mkdir, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ProxiedRequest } from './access-log.ts';

/** Connections of one sandbox at the same time; sandboxd has the same limit. */
const CONNECTIONS = 32;

export interface EgressSocketParts {
  /** A folder on this host. It is mounted read-only in this sandbox and in no other. */
  readonly folder: string;
  /** The proxy's port for the sandbox's rules; null where no sandbox policy has these rules: connections are closed. */
  readonly proxyPort: () => number | null;
  /** A connection of this egress socket to the proxy has this local port on 127.0.0.1. */
  readonly onConnected: (localPort: number) => void;
  /** The proxy did not accept a connection. */
  readonly onRefused: () => void;
}

/** Totals since the egress socket was opened. Only differences are meaningful. */
export interface EgressSocketCounts {
  readonly connections: number;
  readonly denied: number;
  readonly namesFailed: number;
  /** Requests that the proxy could not fulfil. */
  readonly failed: number;
}

/**
 * The egress socket of one sandbox: a unix socket in its own folder. Each connection to it is forwarded to the proxy. The
 * sandbox has no network interface but loopback, so without this socket it has no network.
 */
export class EgressSocket implements AsyncDisposable {
  readonly folder: string;
  readonly #parts: EgressSocketParts;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Local ports of connections to the proxy, until the proxy's log has a line of them. */
  readonly #unlogged = new Map<number, 'open' | 'ended'>();
  #connections = 0;
  #denied = 0;
  #namesFailed = 0;
  #failed = 0;
  /** When the proxy crashed while it had a request of this sandbox; monotonic ms. */
  #crashedAt = -Infinity;

  private constructor(parts: EgressSocketParts) {
    this.folder = parts.folder;
    this.#parts = parts;
    this.#server = createServer({ allowHalfOpen: true }, (inner) => {
      this.#pass(inner);
    });
    this.#server.maxConnections = CONNECTIONS;
  }

  /** Replaces a socket that an earlier process of this controller left in the folder. */
  static async open(parts: EgressSocketParts): Promise<EgressSocket> {
    const path = join(parts.folder, SOCKET);
    await mkdir(parts.folder, { recursive: true, mode: 0o755 });
    await rm(path, { force: true });
    const egressSocket = new EgressSocket(parts);
    egressSocket.#server.listen({ path, writableAll: true, readableAll: true });
    await once(egressSocket.#server, 'listening');
    return egressSocket;
  }

  get counts(): EgressSocketCounts {
    return {
      connections: this.#connections,
      denied: this.#denied,
      namesFailed: this.#namesFailed,
      failed: this.#failed,
    };
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size;
  }

  /** Number of ended connections that the proxy has not logged yet. */
  get unlogged(): number {
    return [...this.#unlogged.values()].filter((state) => state === 'ended').length;
  }

  logged({ clientPort, denied, status }: ProxiedRequest): void {
    this.#unlogged.delete(clientPort);
    if (denied) this.#denied += 1;
    if (status >= 500) this.#failed += 1;
  }

  get crashedAt(): number {
    return this.#crashedAt;
  }

  /** The proxy has ended, by a crash at this time or otherwise (null). What it has not logged by now was under way. */
  proxyEnded(crashedAt: number | null): void {
    if (this.unlogged > 0 && crashedAt !== null) this.#crashedAt = crashedAt;
    for (const [port, state] of this.#unlogged) if (state === 'ended') this.#unlogged.delete(port);
  }

  nameFailed(): void {
    this.#namesFailed += 1;
  }

  #pass(inner: Socket): void {
    this.#connections += 1;
    const port = this.#parts.proxyPort();
    if (port === null) {
      inner.destroy();
      return;
    }
    this.#open.add(inner);
    const outer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let reached = false;
    outer.once('connect', () => {
      reached = true;
      const { localPort } = outer;
      if (localPort === undefined) return;
      this.#parts.onConnected(localPort);
      this.#unlogged.set(localPort, 'open');
      outer.once('close', () => {
        if (this.#unlogged.has(localPort)) this.#unlogged.set(localPort, 'ended');
      });
    });
    outer.once('error', () => {
      if (!reached) this.#parts.onRefused();
      inner.destroy();
    });
    inner.once('error', () => outer.destroy());
    inner.once('close', () => {
      this.#open.delete(inner);
      outer.destroy();
    });
    inner.pipe(outer).pipe(inner);
  }

  /** Closes the socket. The folder stays: in a sandbox that keeps running, the next process puts its socket there. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const inner of this.#open) inner.destroy();
    await closed;
  }
}

/** File name of the socket in its folder. */
export const SOCKET = 'proxy';
