import { mkdir, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ProxiedRequest } from './access-log.ts';

/** Connections of one sandbox at the same time, as sandboxd holds. */
const CONNECTIONS = 32;

export interface EgressSocketParts {
  /** On this host; the sandbox sees it, read-only, and nobody else's. */
  readonly folder: string;
  /** The proxy's port for the sandbox's rules; null where no policy has these any more: nobody gets through. */
  readonly proxyPort: () => number | null;
  /** The connection that left from this port of 127.0.0.1 is the door's. */
  readonly onConnected: (localPort: number) => void;
  /** The proxy took no connection. */
  readonly onRefused: () => void;
}

/** Counts of what went through a door. Only differences mean something. */
export interface EgressSocketCounts {
  readonly connections: number;
  readonly denied: number;
  readonly namesFailed: number;
}

/**
 * The way out of one sandbox: a unix socket in a folder of its own, each connection to which is passed on to the proxy.
 * The sandbox has no network interface but loopback; with the door shut, nothing gets out.
 */
export class EgressSocket implements AsyncDisposable {
  readonly folder: string;
  readonly #parts: EgressSocketParts;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Our ports to the proxy, until its log has a line of them. */
  readonly #unlogged = new Map<number, 'open' | 'ended'>();
  #connections = 0;
  #denied = 0;
  #namesFailed = 0;

  private constructor(parts: EgressSocketParts) {
    this.folder = parts.folder;
    this.#parts = parts;
    this.#server = createServer({ allowHalfOpen: true }, (inner) => {
      this.#pass(inner);
    });
    this.#server.maxConnections = CONNECTIONS;
  }

  /** Also where an earlier life of this controller had listened. */
  static async open(parts: EgressSocketParts): Promise<EgressSocket> {
    const socket = join(parts.folder, SOCKET);
    await mkdir(parts.folder, { recursive: true, mode: 0o755 });
    await rm(socket, { force: true });
    const door = new EgressSocket(parts);
    door.#server.listen({ path: socket, writableAll: true, readableAll: true });
    await once(door.#server, 'listening');
    return door;
  }

  get counts(): EgressSocketCounts {
    return { connections: this.#connections, denied: this.#denied, namesFailed: this.#namesFailed };
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size;
  }

  /** Connections that have ended and that the proxy has not told of yet. */
  get unlogged(): number {
    return [...this.#unlogged.values()].filter((state) => state === 'ended').length;
  }

  logged({ clientPort, denied }: ProxiedRequest): void {
    this.#unlogged.delete(clientPort);
    if (denied) this.#denied += 1;
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

  /** Shut, but the folder stays: a sandbox that lives on sees the next one in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const inner of this.#open) inner.destroy();
    await closed;
  }
}

/** In a door's folder. */
export const SOCKET = 'proxy';
