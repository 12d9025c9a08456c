import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TOKEN_BYTES = 24;

export interface ServerToken {
  readonly token: string;
  /** Where it is kept; null where the operator gave it. */
  readonly path: string | null;
  /** Made just now, so nobody has seen it yet. */
  readonly made: boolean;
}

/**
 * The token that requests must bring: the configured one, else the one kept in the data folder, else a new one,
 * kept there for the owner's eyes only.
 *
 * @throws Error where the file is empty, or can't be read or written; the server must not start then.
 */
export function serverToken(configured: string | null, dataDir: string): ServerToken {
  if (configured !== null) return { token: configured, path: null, made: false };
  const path = join(dataDir, 'token');
  mkdirSync(dataDir, { recursive: true });
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  try {
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' });
    return { token, path, made: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return { token: keptToken(path), path, made: false };
}

function keptToken(path: string): string {
  chmodSync(path, 0o600);
  const token = readFileSync(path, 'utf8').trim();
  if (token === '')
    throw new Error(`${path} is empty: remove it to have a new token made, or set FAULTLINE_TOKEN`);
  return token;
}
