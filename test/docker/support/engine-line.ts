import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the machine's engine listens, unless the environment names another socket. */
const ENGINE_SOCKET = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');

/** A way to the machine's engine that can be broken: a socket of its own, whose bytes are passed on. */
export class EngineLine implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'faultline-line-'));
  readonly #path = join(this.#folder, 'engine.sock');
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  static async open(): Promise<EngineLine> {
    const line = new EngineLine();
    await line.mend();
    return line;
  }

  /** As DOCKER_HOST has it. */
  get address(): string {
    return `unix://${this.#path}`;
  }

  /** Every connection breaks, and nobody is there for a new one. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async mend(): Promise<void> {
    if (this.#server !== null) return;
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ path: ENGINE_SOCKET, allowHalfOpen: true });
      near.pipe(far).pipe(near);
      this.#follow(near, far);
      this.#follow(far, near);
    }).listen(this.#path);
    await once(this.#server, 'listening');
  }

  #follow(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    // Followed by `close`.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
