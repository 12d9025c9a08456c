import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';
import { pause, systemClock } from '../../src/kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../../src/kernel/deadline.ts';
import { decodeOutput } from '../../src/outcome/text.ts';
import type { DockerConnection } from '../../src/sandbox/docker/docker-connection.ts';
import type { Seen } from './seen.ts';

const REQUEST_MS = 60_000;
/** Kept bytes per stream, because endless output would fill memory. Further output is read and dropped. */
const KEPT_BYTES = 8 * 2 ** 20;

interface ExecOptions {
  readonly Cmd: string[];
  readonly WorkingDir?: string;
  readonly User: string;
}

const within = <T>(request: Promise<T>, ms = REQUEST_MS): Promise<T> =>
  Deadline.after(systemClock, 'engine_request', ms).race(request);

/** The three requests of `docker exec`. Exit code null: the command reached the limit and is still running. */
export async function execIn(
  connection: DockerConnection,
  container: string,
  options: ExecOptions,
  limitMs: number,
): Promise<Seen> {
  const { docker } = connection;
  const request = docker.getContainer(container).exec({ ...options, AttachStdout: true, AttachStderr: true });
  const exec = await within(request);
  const stream = await within(exec.start({ hijack: true, stdin: false }));
  const [stdout, stderr] = [new Kept(), new Kept()];
  docker.modem.demuxStream(stream, stdout, stderr);
  const inTime = await endsWithin(stream, limitMs);
  stream.destroy();
  return { stdout: stdout.text, stderr: stderr.text, exitCode: inTime ? await exitCodeOf(exec) : null };
}

class Kept extends Writable {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#bytes < KEPT_BYTES) this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    done();
  }

  get text(): string {
    return decodeOutput(Buffer.concat(this.#chunks));
  }
}

async function endsWithin(stream: Readable, limitMs: number): Promise<boolean> {
  const ended = new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
  });
  try {
    await within(ended, limitMs);
    return true;
  } catch (error) {
    if (error instanceof DeadlineExceeded) return false;
    throw error;
  }
}

interface Inspectable {
  inspect(): Promise<{ ExitCode: number | null; Running: boolean }>;
}

/** The stream may end shortly before the daemon knows the exit code. */
async function exitCodeOf(exec: Inspectable): Promise<number> {
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 200)) {
    const { ExitCode: code, Running: running } = await within(exec.inspect());
    if (!running && code !== null) return code;
    await pause(systemClock, pauseMs);
  }
}
