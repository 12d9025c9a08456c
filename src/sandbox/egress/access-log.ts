import { createServer, type AddressInfo, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { once } from 'node:events';

/** One request in the proxy's log, which no sandbox can write to. */
export interface ProxiedRequest {
  /** Port of the proxy's peer on 127.0.0.1: identifies the egress socket. */
  readonly clientPort: number;
  readonly status: number;
  /** Refused by the rules. */
  readonly denied: boolean;
  /** For example ERR_DNS_FAIL; `-`: no error. */
  readonly error: string;
  readonly host: string;
}

/** Parses a line of the log format `faultline` (`squid-config.ts`); null where the line has another format. */
export function parseRequest(line: string): ProxiedRequest | null {
  const match = /^(\d+) (\d{3}) ([A-Z_]+) (\S+) (\S*)$/.exec(line);
  if (match === null) return null;
  const [, clientPort, status, how, error, host] = match as unknown as [string, ...string[]];
  return {
    clientPort: Number(clientPort),
    status: Number(status),
    denied: how?.includes('DENIED') ?? false,
    error: error ?? '-',
    host: host ?? '',
  };
}

/** Receives the proxy's log over TCP, line by line. */
export class AccessLog implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async listen(onRequest: (request: ProxiedRequest) => void): Promise<AccessLog> {
    const server = createServer((socket) => {
      // A killed proxy resets its connection, and its successor opens another. readline emits the same error again.
      socket.on('error', () => socket.destroy());
      const lines = createInterface({ input: socket });
      lines.on('error', () => undefined);
      lines.on('line', (line) => {
        const request = parseRequest(line);
        if (request !== null) onRequest(request);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new AccessLog(server, (server.address() as AddressInfo).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await Promise.resolve();
  }
}
