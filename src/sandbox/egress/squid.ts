import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pause, type Clock } from '../../kernel/clock.ts';
import { errorCode, errorMessage } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import { ConfigurationError } from '../../policy/configuration-error.ts';

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 5_000;
/** After a run of this length the pause before the next start is the shortest again. */
const STEADY_MS = 30_000;
const CERTIFICATE_MS = 30_000;
const SAID_BYTES = 4_096;

export interface SquidOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when the process ends without our order. */
  readonly onEnd: () => void;
}

/** Squid as a child process of this controller, restarted whenever it ends. */
export class Squid implements AsyncDisposable {
  readonly #options: SquidOptions;
  readonly #stopped = new AbortController();
  readonly #file: string;
  #process: ChildProcess | null = null;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: SquidOptions) {
    this.#options = options;
    this.#file = join(options.folder, 'squid.conf');
  }

  /** @throws ConfigurationError where Squid is not installed. */
  static async start(options: SquidOptions, configuration: string): Promise<Squid> {
    await mkdir(options.folder, { recursive: true, mode: 0o755 });
    await makeCertificate(options.folder);
    const squid = new Squid(options);
    await writeFile(squid.#file, configuration);
    await squid.#check();
    await squid.#endPredecessor();
    squid.#running = squid.#keep();
    return squid;
  }

  /** Loads another configuration; open connections stay. @throws Error where Squid refuses it. */
  async configure(configuration: string): Promise<void> {
    await writeFile(this.#file, configuration);
    await this.#check();
    this.#process?.kill('SIGHUP');
  }

  /** Kills a process that runs but does not answer; it is restarted. */
  replace(): void {
    this.#process?.kill('SIGKILL');
  }

  async #check(): Promise<void> {
    try {
      await promisify(execFile)('squid', ['-k', 'parse', '-f', this.#file], { timeout: CERTIFICATE_MS });
    } catch (error) {
      throw errorCode(error) === 'ENOENT' ? new ConfigurationError([NO_SQUID]) : error;
    }
  }

  /** Kills the proxy that a killed controller left behind. */
  async #endPredecessor(): Promise<void> {
    const pid = Number(await textOf(join(this.#options.folder, 'squid.pid')));
    if (!Number.isInteger(pid) || pid <= 1) return;
    const command = (await textOf(`/proc/${String(pid)}/cmdline`)).split('\0');
    if (command.includes(this.#file)) process.kill(pid, 'SIGKILL');
  }

  async #keep(): Promise<void> {
    const { clock, log, onEnd } = this.#options;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const began = clock.monotonic();
      const why = await this.#live();
      if (this.#ended()) return;
      onEnd();
      if (clock.monotonic() - began >= STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      log.warn({ why, againMs: pauseMs }, 'egress proxy ended, restarting it');
      await pause(clock, pauseMs, this.#stopped.signal);
      if (this.#ended()) return;
      pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
    }
  }

  #ended(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Runs the process once. @returns how it ended. */
  async #live(): Promise<string> {
    const child = spawn('squid', ['-N', '-f', this.#file], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-SAID_BYTES)));
    try {
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      return `${signal ?? `exit status ${String(code)}`}${said === '' ? '' : `: ${said.trim()}`}`;
    } catch (error) {
      return errorMessage(error);
    } finally {
      this.#process = null;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    this.#process?.kill('SIGTERM');
    await this.#running;
  }
}

const NO_SQUID = {
  file: 'policies',
  line: null,
  field: 'network.egress',
  message:
    'needs the proxy Squid, which is not installed on this host: apt-get install --no-install-recommends squid-openssl openssl',
};

/** Subject of the certificate that a client gets for a host that is not listed: the proxy refuses within TLS. */
const SUBJECT = '/O=faultline egress proxy/CN=this host is not on the list of the policy';

/** Squid requires a certificate on a port that reads ClientHellos. It is not trusted by anybody. */
async function makeCertificate(folder: string): Promise<void> {
  const file = join(folder, 'proxy.pem');
  if ((await stat(file).catch(() => null)) !== null) return;
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', SUBJECT];
  const { stdout } = await promisify(execFile)('openssl', [...request, '-keyout', '-', '-out', '-'], {
    timeout: CERTIFICATE_MS,
  });
  await writeFile(file, stdout, { mode: 0o644 });
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
