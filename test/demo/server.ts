import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pause, systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import type { ConfigurationFolders } from './images.ts';
import { Platform } from './platform.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'main.ts');
const READY_MS = 60_000;
const STOP_MS = 60_000;
const LOG_TAIL_LINES = 15;

/** The server that the demo starts: a child process with its own port and data folder. It ends with the demo. */
export class Server implements AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly #child: ChildProcess;
  readonly #log: string;

  private constructor(url: string, token: string, child: ChildProcess, log: string) {
    this.url = url;
    this.token = token;
    this.#child = child;
    this.#log = log;
  }

  /** @throws Error with the end of the server's log if it does not become ready. */
  static async start(folder: string, configuration: ConfigurationFolders): Promise<Server> {
    const port = await freePort();
    const token = randomBytes(16).toString('hex');
    const log = join(folder, 'server.log');
    await mkdir(join(folder, 'data'), { recursive: true });
    const environment = {
      ...process.env,
      FAULTLINE_HOST: '127.0.0.1',
      FAULTLINE_PORT: String(port),
      FAULTLINE_TOKEN: token,
      FAULTLINE_DATA: join(folder, 'data'),
      FAULTLINE_TASKS: '',
      FAULTLINE_POLICIES: configuration.policiesDir,
      FAULTLINE_IMAGES: configuration.imagesDir,
    };
    const output = openSync(log, 'a');
    const child = spawn(process.execPath, [MAIN], { env: environment, stdio: ['ignore', output, output] });
    const server = new Server(`http://127.0.0.1:${String(port)}`, token, child, log);
    try {
      await server.#ready();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  async #ready(): Promise<void> {
    using platform = new Platform(this.url, this.token);
    const deadline = Deadline.after(systemClock, 'engine_request', READY_MS);
    while (!(await platform.isReady())) {
      if (deadline.expired || this.#ended)
        throw new Error(`the server did not become ready:\n${await this.logTail()}`);
      await pause(systemClock, 100);
    }
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The last lines of the log, for error messages: the log is removed with the demo's folder. */
  async logTail(): Promise<string> {
    const text = await readFile(this.#log, 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }

  /** A clean stop removes the server's containers; a server that does not stop is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await Deadline.after(systemClock, 'engine_request', STOP_MS)
      .race(exit)
      .catch(() => this.#child.kill('SIGKILL'));
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
