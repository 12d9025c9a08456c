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
/** USER_HZ, in which /proc/PID/stat counts. */
const TICK_MS = 10;
/** A process that used this share of the time in which it did not answer was busy with what it had been asked. */
const BUSY_SHARE = 0.3;

export interface SquidOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Called when the process ends without our order. `crashed`: by its own fault, which a request may have caused, or because
   * it was replaced while it was busy; else somebody outside ended it.
   */
  readonly onEnd: (crashed: boolean) => void;
}

/** Squid as a child process of this controller, restarted whenever it ends. */
export class Squid implements AsyncDisposable {
  readonly #options: SquidOptions;
  readonly #stopped = new AbortController();
  readonly #file: string;
  #process: ChildProcess | null = null;
  /** Processor time of the process at the last look, to tell a busy one from one that is kept from running. */
  #usedMs = 0;
  #busy = false;
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

  /** To be called while it answers. */
  async noteAnswer(): Promise<void> {
    this.#usedMs = await this.#processorMs();
  }

  /** Kills a process that runs but has not answered for so long; it is restarted. */
  async replace(silentMs: number): Promise<void> {
    const used = (await this.#processorMs()) - this.#usedMs;
    this.#busy = used >= BUSY_SHARE * silentMs;
    this.#process?.kill('SIGKILL');
  }

  /** 0 where it is not known: then it does not count as busy. */
  async #processorMs(): Promise<number> {
    const text = await textOf(`/proc/${String(this.#process?.pid ?? 0)}/stat`);
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS;
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
      this.#busy = false;
      const { why, crashed } = await this.#live();
      if (this.#ended()) return;
      onEnd(crashed);
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
  async #live(): Promise<{ why: string; crashed: boolean }> {
    const child = spawn('squid', ['-N', '-f', this.#file], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-SAID_BYTES)));
    try {
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      const why = `${signal ?? `exit status ${String(code)}`}${said === '' ? '' : `: ${said.trim()}`}`;
      return { why, crashed: this.#busy || !(signal === 'SIGKILL' || signal === 'SIGTERM') };
    } catch (error) {
      return { why: errorMessage(error), crashed: false };
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
    // ESRCH: of /proc, where the process ends while its file is read.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return '';
    throw error;
  }
}
