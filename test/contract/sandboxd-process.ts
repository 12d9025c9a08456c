/**
 * The real sandboxd as PID 1 of a pid and mount namespace of its own, attached over its standard streams. Needs root, not
 * Docker.
 */
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { encodeCommand, UNKNOWN_INSTANCE } from '../../src/protocol/command-codec.ts';
import { attachmentStart, FrameDecoder } from '../../src/protocol/framing.ts';
import type { CallLimits, Command, Ending, Report, StartFailure, Work } from '../../src/protocol/messages.ts';
import { decodeReport } from '../../src/protocol/report-codec.ts';

const sandboxdFolder = resolve(import.meta.dirname, '../../docker/sandboxd');
const binary = join(sandboxdFolder, 'build/sandboxd');
const driver = resolve(sandboxdFolder, '../interpreter/interpreter.py');

export const limits: CallLimits = { timeoutMs: 20_000, keepBytes: 65_536, outputBytes: 64 * 1024 * 1024 };
export const image = { PATH: '/usr/local/bin:/usr/bin:/bin', HOSTNAME: 'sandbox', LANG: 'C.UTF-8' };

export interface SandboxdOptions {
  readonly uid?: number;
  /** Override those of `image`; `@` is replaced by sandboxd's folder. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Shell lines that run as root in the namespaces before sandboxd is executed. */
  readonly prepare?: string;
  readonly keepCaps?: string;
}

export function buildSandboxd(): void {
  execFileSync('make', ['-s', '-C', sandboxdFolder, 'all'], { stdio: 'pipe' });
}

type State = Extract<Report, { type: 'state' }>;
export type CallEnd = Ending | StartFailure;

interface Waiter {
  readonly wanted: (report: Report) => boolean;
  readonly found: (report: Report) => void;
}

export class SandboxdProcess implements AsyncDisposable {
  readonly folder: string;
  readonly reports: Report[] = [];
  readonly decoder = new FrameDecoder();
  instance = UNKNOWN_INSTANCE;
  exited = false;
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly waiters = new Set<Waiter>();
  private lastCall = 0;

  constructor(options: SandboxdOptions = {}) {
    const uid = options.uid ?? 31_000;
    this.folder = mkdtempSync(join(tmpdir(), 'faultline-sandboxd-'));
    chmodSync(this.folder, 0o755);
    chownSync(this.folder, uid, uid);
    const sandboxd = [
      binary,
      '--user',
      `${String(uid)}:${String(uid)}`,
      '--keep-caps',
      options.keepCaps ?? '0',
      '--driver',
      driver,
    ];
    const environment = Object.entries({ ...image, ...options.environment }).map(
      ([name, value]) => `${name}=${value.replaceAll('@', this.folder)}`,
    );
    const script = `${options.prepare ?? ''}\nexec env -i "$@"`;
    const isolate = [
      '--pid',
      '--fork',
      '--mount-proc',
      '--kill-child',
      '/bin/sh',
      '-ec',
      script,
      'sh',
      ...environment,
      ...sandboxd,
    ];
    this.child = spawn('/usr/bin/unshare', isolate, {
      cwd: this.folder,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.stdin.on('error', () => undefined);
    this.child.stdout.on('data', (chunk: Buffer) => {
      this.receive(chunk);
    });
    this.child.on('exit', () => {
      this.exited = true;
    });
  }

  static async start(options: SandboxdOptions = {}): Promise<SandboxdProcess> {
    const sandboxd = new SandboxdProcess(options);
    await sandboxd.resume();
    return sandboxd;
  }

  /** Host pid of the namespace's PID 1. */
  get hostPid(): number {
    const text = execFileSync('pgrep', ['-P', String(this.child.pid)], { encoding: 'utf8' });
    return Number(text.trim().split('\n')[0]);
  }

  async resume(): Promise<State> {
    this.write(attachmentStart());
    const answer = this.next((report): report is State => report.type === 'state');
    this.send({ type: 'resume' });
    const state = await answer;
    this.instance = state.instance;
    return state;
  }

  send(command: Command): void {
    this.write(encodeCommand(command, this.instance));
  }

  write(bytes: Uint8Array): void {
    this.child.stdin.write(bytes);
  }

  /** Stops reading, so that the pipe fills. */
  stopReading(): void {
    this.child.stdout.pause();
  }

  closeReading(): void {
    this.child.stdout.destroy();
  }

  readOn(): void {
    this.child.stdout.resume();
  }

  /** Starts work under a new number; resolves with its ending and acknowledges it. */
  async call(work: Work, some: Partial<CallLimits> = {}): Promise<CallEnd> {
    const { call, end } = this.begin(work, some);
    const result = await end;
    this.send({ type: 'acknowledge', call });
    return result;
  }

  begin(work: Work, some: Partial<CallLimits> = {}): { call: number; end: Promise<CallEnd> } {
    const call = (this.lastCall += 1);
    const end = this.endOf(call);
    this.send({ type: 'start', call, work, limits: { ...limits, ...some } });
    return { call, end };
  }

  endOf(call: number): Promise<CallEnd> {
    return this.next(
      (report): report is CallEnd =>
        (report.type === 'exited' || report.type === 'start-failed') && report.call === call,
    );
  }

  startedOf(call: number): Promise<Report> {
    return this.next((report): report is Report => report.type === 'started' && report.call === call);
  }

  /** The next report of the wanted kind that arrives from now on. */
  next<T extends Report>(wanted: (report: Report) => report is T, deadlineMs = 30_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        wanted,
        found: (report) => {
          clearTimeout(deadline);
          resolve(report as T);
        },
      };
      const deadline = setTimeout(() => {
        this.waiters.delete(waiter);
        reject(
          new Error(
            `no such report within ${String(deadlineMs)} ms; sandboxd ${this.exited ? 'has exited' : 'is running'}`,
          ),
        );
      }, deadlineMs);
      this.waiters.add(waiter);
    });
  }

  private receive(chunk: Buffer): void {
    for (const frame of this.decoder.push(chunk)) {
      const report = decodeReport(frame);
      if (report === null) throw new Error(`frame of type ${String(frame.type)} is not a report`);
      this.reports.push(report);
      for (const waiter of this.waiters) {
        if (!waiter.wanted(report)) continue;
        this.waiters.delete(waiter);
        waiter.found(report);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.exited) resolve();
      else
        this.child.once('exit', () => {
          resolve();
        });
    });
    this.child.kill('SIGKILL');
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An ending's streams as text, and its exit code (or minus the signal's number). */
export function shown(end: CallEnd): { out: string; err: string; code: number } {
  if (end.type === 'start-failed')
    return { out: '', err: `start failed: ${String(end.errno)} ${end.stage}`, code: 999 };
  const text = (stream: Ending['stdout']): string =>
    Buffer.concat([stream.head, stream.tail]).toString('utf8');
  const signal = end.waitStatus & 0x7f;
  return { out: text(end.stdout), err: text(end.stderr), code: signal ? -signal : end.waitStatus >> 8 };
}

export function shell(command: string): Work {
  return { kind: 'shell', command };
}

export function python(code: string): Work {
  return { kind: 'python', code };
}

export function exec(...argv: string[]): Work {
  return { kind: 'exec', argv, env: [], cwd: null, stdin: Buffer.alloc(0) };
}

export function ending(end: CallEnd): Ending {
  if (end.type === 'start-failed') throw new Error(`start failed: errno ${String(end.errno)}`);
  return end;
}

export async function out(sandboxd: SandboxdProcess, work: Work): Promise<string> {
  return shown(await sandboxd.call(work)).out;
}

/** Repeats the command until it prints `wanted`. */
export async function until(sandboxd: SandboxdProcess, command: string, wanted: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  let got = '';
  while (Date.now() < deadline) {
    got = await out(sandboxd, exec('sh', '-c', command));
    if (got.trim() === wanted) return;
  }
  throw new Error(`${command} printed ${got.trim()}, not ${wanted}`);
}

/** A shell command that prints how many processes `sleep 9999` there are. */
export const countSleepers =
  'n=0; for f in /proc/[0-9]*/cmdline; do grep -qa "sleep.999[9]" $f 2>/dev/null && n=$((n+1)); done; echo $n';
