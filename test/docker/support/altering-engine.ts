import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

const ENGINE_SOCKET = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');

/** The create request as this test changes it. */
export interface CreateRequest {
  NetworkDisabled?: boolean;
  readonly HostConfig: Record<string, unknown>;
}

/** The machine's engine behind a socket of its own, on which create requests lose what a test takes out of them. */
export class AlteringEngine implements AsyncDisposable {
  /** Changes a request; what it returns is added to the engine's warnings. */
  alter: (body: CreateRequest) => readonly string[] = () => [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'faultline-altering-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    // dockerode repeats the body of a create request in its query.
    this.#server = createServer({ maxHeaderSize: 2 ** 20 }, (from, to) => void this.#pass(from, to));
    this.#server.on('upgrade', (from: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(from, socket, head);
    });
  }

  static async open(): Promise<AlteringEngine> {
    const engine = new AlteringEngine();
    engine.#server.listen(join(engine.#folder, 'engine.sock'));
    await once(engine.#server, 'listening');
    return engine;
  }

  /** As DOCKER_HOST has it. */
  get address(): string {
    return `unix://${join(this.#folder, 'engine.sock')}`;
  }

  async #pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = from;
    const given = await buffer(from);
    const creates = method === 'POST' && path.includes('/containers/create');
    const [body, warnings] = creates ? this.#altered(given) : [given, []];
    const headers = { ...from.headers, 'content-length': String(body.length) };
    const asked = request({ socketPath: ENGINE_SOCKET, method, path, headers }, (answer) => {
      if (creates && answer.statusCode === 201) {
        void warn(answer, to, warnings);
        return;
      }
      to.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(to);
    });
    asked.on('error', () => to.destroy());
    to.on('close', () => asked.destroy());
    asked.end(body);
  }

  #altered(given: Buffer): [Buffer, readonly string[]] {
    const body = JSON.parse(given.toString()) as CreateRequest;
    const warnings = this.alter(body);
    return [Buffer.from(JSON.stringify(body)), warnings];
  }

  #upgrade(from: IncomingMessage, near: Socket, head: Buffer): void {
    const far = connect({ path: ENGINE_SOCKET, allowHalfOpen: true });
    const headers = Object.entries(from.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    far.write(`${from.method ?? ''} ${from.url ?? ''} HTTP/1.1\r\n${headers.join('')}\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function warn(answer: IncomingMessage, to: ServerResponse, warnings: readonly string[]): Promise<void> {
  const made = JSON.parse((await buffer(answer)).toString()) as { Warnings?: readonly string[] | null };
  const text = JSON.stringify({ ...made, Warnings: [...(made.Warnings ?? []), ...warnings] });
  to.writeHead(201, {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
  });
  to.end(text);
}
