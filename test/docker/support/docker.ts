import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const DOCKER_MS = 60_000;

/**
 * As an operator would, on the machine's engine unless `-H` names another.
 * @returns what the command prints, without white space at its end
 * @throws Error when it fails or takes over 60 s.
 */
export async function docker(...args: string[]): Promise<string> {
  return (await promisify(execFile)('docker', args, { timeout: DOCKER_MS })).stdout.trimEnd();
}
