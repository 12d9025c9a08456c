import { createServer, type AddressInfo, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { once } from 'node:events';

/** One request, as the proxy logs it: a source that no sandbox can write to. */
export interface ProxiedRequest {
  /** The proxy's peer, on 127.0.0.1: tells whose connection it was. */
  readonly clientPort: number;
  readonly status: number;
  /** Refused by the rules. */
  readonly denied: boolean;
  /** Such as ERR_DNS_FAIL; `-` where there was none. */
  readonly error: string;
  readonly host: string;
}

/** A line of the format `faultline` of the proxy's configuration, or null where it is none. */
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

/** Takes the proxy's log as it is written. */
export class AccessLog implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async listen(onRequest: (request: ProxiedRequest) => void): Promise<AccessLog> {
    const server = createServer((socket) => {
      // A proxy that was killed resets its connection; the next one opens another. The reader emits the error again.
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
