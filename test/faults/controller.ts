import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseEvent, type EventOf, type EventType } from '../../src/journal/event.ts';
import { Server } from '../docker/support/server.ts';
import { rejudgedOtherwise } from '../unit/support/rejudged.ts';
import { CONFIG_FOLDER } from './case-files.ts';

const run = promisify(execFile);

/** The server under test, a process that may be killed and started again over the same data. */
export class Controller implements AsyncDisposable {
  readonly #folder: string;
  readonly #engineHost: string;
  #server: Server | null = null;

  private constructor(folder: string, engineHost: string) {
    this.#folder = folder;
    this.#engineHost = engineHost;
  }

  /** @param folder For data and configuration. @param engineHost What it takes for its engine. */
  static async start(folder: string, engineHost: string): Promise<Controller> {
    await cp(CONFIG_FOLDER, folder, { recursive: true });
    const controller = new Controller(folder, engineHost);
    await controller.start();
    return controller;
  }

  /** Null while it is down. */
  get server(): Server | null {
    return this.#server;
  }

  async start(): Promise<void> {
    this.#server = await Server.start(this.#folder, { DOCKER_HOST: this.#engineHost, LOG_LEVEL: 'error' });
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    const server = this.#running();
    if (signal === 'SIGKILL' || signal === 'SIGTERM') {
      this.#server = null;
      await (signal === 'SIGKILL' ? server.kill() : server.stop());
    } else server.process.kill(signal);
  }

  /** @param spare Descriptors beyond those it has open now; null: as many as it likes. */
  async limitDescriptors(spare: number | null): Promise<void> {
    const pid = String(this.#running().process.pid);
    const soft = spare === null ? '' : String(readdirSync(`/proc/${pid}/fd`).length + spare);
    const limit = spare === null ? hardLimit(pid) : `${soft}:`;
    await run('prlimit', ['--pid', pid, `--nofile=${limit}`], { timeout: 10_000 });
  }

  /** What it has written of one kind, in order. */
  events<Type extends EventType>(type: Type): EventOf<Type>[] {
    const folder = join(this.#folder, 'data/journal');
    const files = readdirSync(folder)
      .filter((file) => file.endsWith('.jsonl'))
      .toSorted();
    const lines = files.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1));
    const found = lines.filter((line) => line.includes(`"${type}"`)).map(parseEvent);
    return found.filter((event): event is EventOf<Type> => event.type === type);
  }

  #running(): Server {
    if (this.#server === null) throw new Error('the controller is down');
    return this.#server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.kill();
    this.#server = null;
    const otherwise = await rejudgedOtherwise(join(this.#folder, 'data'));
    if (otherwise !== null) throw otherwise;
  }
}

/** Its own hard limit, in the form that prlimit(1) takes for a soft one. */
function hardLimit(pid: string): string {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  return `${/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? ''}:`;
}
