import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rejudgedOtherwise } from '../../unit/support/rejudged.ts';
import { docker } from './docker.ts';
import { JournalLines } from './journal-lines.ts';

const root = join(import.meta.dirname, '../../..');
const START_MS = 60_000;
export const TOKEN = 'a-token-for-tests';

const TASKS = `
default: base
tasks:
  base: { image: base }
  minimal: { image: minimal, tools: [shell, python, read_file, write_file] }
  busybox: { image: busybox, tools: [shell, python, read_file, write_file] }
  empty: { image: empty, tools: [shell, python, read_file, write_file, list_files] }
  missing: { image: missing }
  broken-setup: { image: base, setup: [["sh", "-c", "exit 3"]] }
  prepared:
    image: base
    setup: [["sh", "-c", "echo ready > /srv/state"]]
    when: [{ pointer: /kind, equals: prepared }]
    tools:
      - shell
      - name: grep_state
        description: Finds a word in the state
        parameters: { word: { type: string } }
        command: ["grep", "-c", "{word}", "/srv/state"]
  short: { image: base, policy: short }
  small: { image: base, policy: small }
  strict: { image: base, policy: strict, when: [{ pointer: /policy, equals: strict }] }
  lasting: { image: base, policy: lasting, when: [{ pointer: /recovery, equals: none }] }
`;

/**
 * Everything the server reads and writes, in a folder of its own that is removed at the end, or kept for a look. At the end its
 * journal is judged again, and a difference fails the test.
 */
export class World implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
  readonly #servers: Server[] = [];
  readonly #journal = new JournalLines(join(this.folder, 'data/journal'));
  readonly #engine: string | null;

  /** @param engine Address of another engine than the machine's. */
  constructor(engine: string | null = null) {
    this.#engine = engine;
    cpSync(join(root, 'images'), join(this.folder, 'images'), { recursive: true });
    cpSync(join(root, 'test/images'), join(this.folder, 'images'), { recursive: true });
    for (const image of ['minimal', 'busybox', 'empty'])
      promiseEverything(join(this.folder, `images/${image}/image.yaml`));
    mkdirSync(join(this.folder, 'images/missing'));
    writeFileSync(
      join(this.folder, 'images/missing/image.yaml'),
      'reference: faultline/there-is-no-such-image:1\nbuild: .\n',
    );
    writeFileSync(join(this.folder, 'images/missing/Dockerfile'), 'FROM scratch\n');
    cpSync(join(root, 'policies'), join(this.folder, 'policies'), { recursive: true });
    const policy = readFileSync(join(root, 'policies/default.yaml'), 'utf8');
    const short = policy
      .replace(/rollout_idle: .*/, 'rollout_idle: 1s')
      .replace(/rollout_life: .*/, 'rollout_life: 1h');
    writeFileSync(join(this.folder, 'policies/short.yaml'), short);
    writeFileSync(join(this.folder, 'policies/small.yaml'), policy.replace(/memory: .*/, 'memory: 128MiB'));
    writeFileSync(
      join(this.folder, 'policies/lasting.yaml'),
      policy.replace('recovery: replay', 'recovery: none'),
    );
    writeFileSync(join(this.folder, 'policies/tasks.yaml'), TASKS);
  }

  /** The server as a process of its own, as users run it. */
  async start(environment: Readonly<Record<string, string>> = {}): Promise<Server> {
    const engine = this.#engine === null ? {} : { DOCKER_HOST: this.#engine };
    const server = await Server.start(this.folder, { ...engine, ...environment });
    this.#servers.push(server);
    return server;
  }

  get controllerId(): string {
    return readFileSync(join(this.folder, 'data/controller-id'), 'utf8').trim();
  }

  /** The containers that a rollout was ever given, as the journal tells it. */
  claims(rollout: string): string[] {
    return this.events<{ handle: { id: string } }>('sandbox_claimed', rollout).map(({ handle }) => handle.id);
  }

  /** A rollout's events of one type in the journal. */
  events<Event>(type: string, rollout: string): Event[] {
    return this.#journal.of(type, rollout).map((line) => JSON.parse(line) as Event);
  }

  /**
   * Another image that is only referenced, and a shell task of the same name on it, for dataset rows whose `task` is
   * that name. For servers that are started, or reload, afterwards.
   */
  addImage(name: string, reference: string): void {
    mkdirSync(join(this.folder, 'images', name));
    writeFileSync(
      join(this.folder, 'images', name, 'image.yaml'),
      `reference: ${reference}\npython: false\n`,
    );
    const when = `when: [{ pointer: /task, equals: ${name} }]`;
    const tasks = join(this.folder, 'policies/tasks.yaml');
    appendFileSync(tasks, `  ${name}: { image: ${name}, tools: [shell], ${when} }\n`);
  }

  /** Containers that carry this world's label, running or not. */
  async containers(): Promise<string[]> {
    const filter = `label=faultline.controller=${this.controllerId}`;
    const stdout = await this.#docker('ps', '-aq', '--no-trunc', '--filter', filter);
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** Every server that still runs, as an operator would. */
  async stop(): Promise<void> {
    for (const server of this.#servers) await server.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    const left = await this.containers();
    if (left.length > 0) await this.#docker('rm', '-fv', ...left);
    const otherwise = await rejudgedOtherwise(join(this.folder, 'data'));
    if (process.env['FAULTLINE_TEST_KEEP'] === '1') console.log(`kept: ${this.folder}`);
    else rmSync(this.folder, { recursive: true, force: true });
    if (otherwise !== null) throw otherwise;
  }

  #docker(...args: string[]): Promise<string> {
    return docker(...(this.#engine === null ? [] : ['-H', this.#engine]), ...args);
  }
}

/** An operator's mistake: the image is said to offer what it doesn't. */
function promiseEverything(file: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^(shell|python): false$/gm, '$1: true'));
}

export interface Verdict {
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly recovered: string | null;
  readonly counts: Readonly<Record<string, number>>;
}

export class Server {
  readonly url: string;
  readonly process: ChildProcess;
  readonly #log: string[];

  private constructor(url: string, process: ChildProcess, log: string[]) {
    this.url = url;
    this.process = process;
    this.#log = log;
  }

  /** Its log. */
  said(): string {
    return this.#log.join('');
  }

  static async start(folder: string, environment: Readonly<Record<string, string>>): Promise<Server> {
    const child = spawn(process.execPath, [join(root, 'src/main.ts')], {
      env: {
        ...process.env,
        FAULTLINE_PORT: '0',
        FAULTLINE_TOKEN: TOKEN,
        FAULTLINE_DATA: join(folder, 'data'),
        FAULTLINE_POLICIES: join(folder, 'policies'),
        FAULTLINE_IMAGES: join(folder, 'images'),
        LOG_LEVEL: 'warn',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log: string[] = [];
    child.stderr.on('data', (data: Buffer) => log.push(data.toString()));
    return new Server(await address(child), child, log);
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    signal: AbortSignal | null = null,
  ): Promise<Response> {
    return await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      signal,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  /** A tool call as the platform sends it. */
  async tool(
    name: string,
    rollout: string,
    call: string,
    args: unknown,
    more: object = {},
    signal: AbortSignal | null = null,
  ): Promise<ToolReply> {
    const envelope = {
      type: 'function_call',
      id: `fc_${call}`,
      call_id: call,
      name,
      arguments: JSON.stringify(args),
    };
    const form = { ...envelope, trace_id: rollout, ...more };
    const response = await this.request('POST', `/v1/tools/${name}`, form, {}, signal);
    const body = (await response.json()) as { output?: string };
    return { status: response.status, output: body.output ?? null, headers: response.headers };
  }

  async verdict(rollout: string): Promise<Verdict> {
    const response = await this.request('GET', `/v1/rollouts/${rollout}/verdict`);
    return (await response.json()) as Verdict;
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill(signal);
    await gone;
  }
}

export interface ToolReply {
  readonly status: number;
  readonly output: string | null;
  readonly headers: Headers;
}

/** Where the server says that it listens. */
function address(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(
      () => reject(new Error(`server not up in ${String(START_MS)} ms:\n${said}`)),
      START_MS,
    );
    const listen = (data: Buffer): void => {
      said += data.toString();
      const match = /listens on (http:\S+)/.exec(said);
      if (match?.[1] === undefined) return;
      clearTimeout(timer);
      resolve(match[1]);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('exit', (code) => reject(new Error(`server ended with ${String(code)}:\n${said}`)));
  });
}
