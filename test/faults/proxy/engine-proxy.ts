import { once } from 'node:events';
import {
  createServer,
  request as send,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameSpy } from './frame-spy.ts';
import { routeOf, type EngineRequest } from './routes.ts';
import type { RequestOperation } from './rule.ts';
import type { RuleSet } from './rule-set.ts';
import { pump } from './stream-pump.ts';

/** Headers of one hop, which are not passed on. */
const OF_THE_HOP = new Set(['connection', 'transfer-encoding', 'keep-alive', 'upgrade']);

/**
 * Stands on a unix socket between controller and engine and breaks what its rules say. It understands the engine's
 * HTTP, and the raw bytes of attached streams after their upgrade, each direction by itself.
 */
export class EngineProxy implements AsyncDisposable {
  readonly #engine: string;
  readonly #rules: RuleSet;
  readonly #server: Server;
  readonly #connections = new Set<Duplex>();

  private constructor(engine: string, rules: RuleSet) {
    this.#engine = engine;
    this.#rules = rules;
    this.#server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, (request, reply) => {
      void this.#serve(request, reply);
    });
    this.#server.on('upgrade', (request, socket, head) => {
      void this.#upgrade(request, socket, head);
    });
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#connections.delete(socket));
    });
  }

  /** @param paths Of two unix sockets: ours, and the engine's. */
  static async listen(
    paths: { readonly own: string; readonly engine: string },
    rules: RuleSet,
  ): Promise<EngineProxy> {
    const proxy = new EngineProxy(paths.engine, rules);
    proxy.#server.listen(paths.own);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const asked = routeOf(request.method ?? '', request.url ?? '');
    try {
      const operation = this.#rules.ofRequest(asked);
      const body = await buffer(request);
      const fail = (status: number): void => {
        reply
          .writeHead(status, { 'content-type': 'application/json' })
          .end(JSON.stringify({ message: 'injected' }));
      };
      if (await this.#withheld(operation, request.socket, fail)) return;
      const answer = await this.#ask(request, body, reply);
      if (operation === 'duplicate') (await this.#ask(request, body, reply)).resume();
      if (operation === 'drop_reply') {
        await buffer(answer);
        request.socket.destroy();
        return;
      }
      await this.#answer(asked, answer, reply);
    } catch {
      request.socket.destroy(); // The engine is away: its own socket would have been closed just so.
    }
  }

  /** Whether the engine hears nothing of it. @param fail Answers with a status. */
  async #withheld(
    operation: RequestOperation | null,
    requester: Duplex,
    fail: (status: number) => void,
  ): Promise<boolean> {
    if (operation === 'hang') await this.#rules.lifted;
    if (operation === 'refuse' || operation === 'hang') {
      requester.destroy();
      return true;
    }
    if (operation === null || typeof operation === 'string') return false;
    if ('status' in operation) {
      fail(operation.status);
      return true;
    }
    await sleep(operation.delay);
    return false;
  }

  /** @param reply Where its connection is closed, the request goes too. */
  async #ask(
    { method, url, headers }: IncomingMessage,
    body: Buffer,
    reply: ServerResponse,
  ): Promise<IncomingMessage> {
    const passed = Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THE_HOP.has(name)));
    const length = body.length > 0 ? { 'content-length': body.length } : {};
    const asking = send({
      socketPath: this.#engine,
      method,
      path: url,
      headers: { ...passed, ...length },
      agent: false,
    });
    reply.once('close', () => asking.destroy());
    asking.end(body);
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    return answer;
  }

  async #answer(asked: EngineRequest, answer: IncomingMessage, reply: ServerResponse): Promise<void> {
    const headers = Object.entries(answer.headersDistinct).filter(([name]) => !OF_THE_HOP.has(name));
    reply.writeHead(answer.statusCode ?? 502, Object.fromEntries(headers));
    // A stream of events has nothing to say for a long time, but it has begun.
    reply.flushHeaders();
    const cut = (): void => {
      reply.destroy();
    };
    await pump({ ...asked, toward: 'controller', source: answer, sink: reply, spy: null, cut }, this.#rules);
  }

  async #upgrade(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const asked = routeOf(request.method ?? '', request.url ?? '');
    const operation = this.#rules.ofRequest(asked);
    const fail = (status: number): void => {
      client.end(`HTTP/1.1 ${String(status)} Injected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    };
    if (await this.#withheld(operation, client, fail)) return;
    const { method, url: path, headers } = request;
    const createConnection = () => connect({ path: this.#engine, allowHalfOpen: true });
    const asking = send({ method, path, headers, createConnection });
    client.once('close', () => asking.destroy());
    asking.on('error', () => client.destroy());
    asking.on('response', (answer) => void refuseUpgrade(answer, client));
    asking.on('upgrade', (answer, engine, engineHead) => {
      if (operation === 'drop_reply') {
        client.destroy();
        engine.destroy();
        return;
      }
      client.write(statusAndHeaders(answer));
      this.#join(asked, { client, head }, { engine, engineHead });
    });
    asking.end();
  }

  #join(
    asked: EngineRequest,
    { client, head }: { client: Duplex; head: Buffer },
    { engine, engineHead }: { engine: Duplex; engineHead: Buffer },
  ): void {
    if (head.length > 0) client.unshift(head);
    if (engineHead.length > 0) engine.unshift(engineHead);
    const cut = (): void => {
      client.destroy();
      engine.destroy();
    };
    for (const end of [client, engine]) end.on('error', cut);
    const toSandboxd = { source: client, sink: engine, toward: 'sandboxd' } as const;
    const toController = { source: engine, sink: client, toward: 'controller' } as const;
    for (const way of [toSandboxd, toController])
      void pump({ ...asked, ...way, spy: new FrameSpy(way.toward), cut }, this.#rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#rules.lift();
    for (const connection of this.#connections) connection.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function statusAndHeaders({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  let text = `HTTP/1.1 ${String(statusCode)} ${String(statusMessage)}\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    text += `${String(rawHeaders[at])}: ${String(rawHeaders[at + 1])}\r\n`;
  return `${text}\r\n`;
}

async function refuseUpgrade(answer: IncomingMessage, client: Duplex): Promise<void> {
  try {
    const body = await buffer(answer);
    const { statusCode, statusMessage } = answer;
    const length = `Content-Length: ${String(body.length)}\r\nConnection: close\r\n\r\n`;
    client.end(
      Buffer.concat([
        Buffer.from(`HTTP/1.1 ${String(statusCode)} ${String(statusMessage)}\r\n${length}`),
        body,
      ]),
    );
  } catch {
    client.destroy();
  }
}
