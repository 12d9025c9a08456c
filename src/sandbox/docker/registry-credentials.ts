import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { AuthConfigObject } from 'dockerode';
import { z } from 'zod';
import { errorCode, errorMessage } from '../../kernel/errors.ts';

/** Docker Hub's key in the file that `docker login` writes. */
const DOCKER_HUB = 'https://index.docker.io/v1/';
const HELPER_MS = 30_000;
/** Output of a credential helper that has no entry. */
const NOT_FOUND = /credentials not found/;
/** The user name that a helper prints where the secret is an identity token. */
const TOKEN_NAME = '<token>';

const entrySchema = z.object({ auth: z.string().optional(), identitytoken: z.string().optional() });
const configSchema = z.object({
  auths: z.record(z.string(), entrySchema).default({}),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).default({}),
});
const secretSchema = z
  .string()
  .transform(parsed)
  .pipe(z.object({ Username: z.string(), Secret: z.string() }));

type Config = z.infer<typeof configSchema>;

/**
 * The credentials that `docker login` stored for a reference's registry. Same order as the docker command line, in
 * `$DOCKER_CONFIG/config.json`: the helper for this registry, else the helper for all registries, else the entry itself.
 * Null where there is no login. Read for each pull, so that a new login works without a restart.
 *
 * @throws Error with the name of the file or the helper.
 */
export async function registryCredentials(reference: string): Promise<AuthConfigObject | null> {
  const folder = process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker');
  const config = await readConfig(join(folder, 'config.json'));
  if (config === null) return null;
  const registry = registryOf(reference);
  const helper = config.credHelpers[registry] ?? config.credsStore;
  return helper === undefined ? entryOf(config, registry) : await askHelper(helper, registry);
}

/** The first part of a reference is a registry if it can't be a user name. */
export function registryOf(reference: string): string {
  const [first = '', ...rest] = reference.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost && first !== 'docker.io' ? first : DOCKER_HUB;
}

async function readConfig(file: string): Promise<Config | null> {
  try {
    return configSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    const what = error instanceof z.ZodError ? z.prettifyError(error) : errorMessage(error);
    throw new Error(`${file} can't be read: ${what}`, { cause: error });
  }
}

function entryOf({ auths }: Config, registry: string): AuthConfigObject | null {
  const { auth, identitytoken } = auths[registry] ?? auths[`https://${registry}`] ?? {};
  if (identitytoken !== undefined && identitytoken !== '') return { identitytoken, serveraddress: registry };
  const [, username, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(auth ?? '', 'base64').toString()) ?? [];
  if (username === undefined || password === undefined) return null;
  return { username, password: password.replace(/\0+$/, ''), serveraddress: registry };
}

/** Undefined where the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The protocol of docker-credential-helpers: the registry on stdin; JSON, or the error message, on stdout. */
async function askHelper(name: string, registry: string): Promise<AuthConfigObject | null> {
  const program = `docker-credential-${name}`;
  const { error, stdout } = await new Promise<{ error: Error | null; stdout: string }>((resolve) => {
    const child = execFile(program, ['get'], { timeout: HELPER_MS }, (failure, printed) => {
      resolve({ error: failure, stdout: printed });
    });
    // The callback above reports a helper that is missing or does not read its stdin.
    child.stdin?.on('error', () => undefined).end(registry);
  });
  if (error !== null) {
    if (NOT_FOUND.test(stdout)) return null;
    throw new Error(`${program} gave no credentials for ${registry}: ${stdout.trim() || error.message}`, {
      cause: error,
    });
  }
  const { data } = secretSchema.safeParse(stdout);
  // The output is left out of the message: it may contain the secret.
  if (data === undefined)
    throw new Error(`${program} printed something other than credentials for ${registry}`);
  const { Username: username, Secret: secret } = data;
  if (username === TOKEN_NAME) return { identitytoken: secret, serveraddress: registry };
  return { username, password: secret, serveraddress: registry };
}
