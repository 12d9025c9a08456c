import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const DOCKER_MS = 60_000;

/** What a `docker` command prints, without the last line's end. @throws Error when it fails or takes over 60 s. */
export async function docker(...args: string[]): Promise<string> {
  return (await promisify(execFile)('docker', args, { timeout: DOCKER_MS })).stdout.trimEnd();
}
