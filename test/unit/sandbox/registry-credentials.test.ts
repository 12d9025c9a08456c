import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { registryCredentials, registryOf } from '../../../src/sandbox/docker/registry-credentials.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faultline-login-'));
  vi.stubEnv('DOCKER_CONFIG', folder);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH'] ?? ''}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function configure(config: unknown): void {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
}

function helper(name: string, script: string): void {
  const file = join(folder, `docker-credential-${name}`);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

test.each([
  ['debian', 'https://index.docker.io/v1/'],
  ['someone/image:1', 'https://index.docker.io/v1/'],
  ['docker.io/someone/image', 'https://index.docker.io/v1/'],
  ['registry.example/image', 'registry.example'],
  ['localhost/image', 'localhost'],
  ['10.0.0.1:5000/a/b@sha256:00', '10.0.0.1:5000'],
])('%s is of the registry %s', (reference, registry) => {
  expect(registryOf(reference)).toBe(registry);
});

test('nobody has logged in: no file, and no entry', async () => {
  expect(await registryCredentials('registry.example/a')).toBeNull();
  configure({ auths: { 'other.example': { auth: base64('me:secret') }, 'registry.example': {} } });
  expect(await registryCredentials('registry.example/a')).toBeNull();
});

test('an entry of docker login, also where it was written as an address or holds a token', async () => {
  configure({
    auths: {
      'registry.example': { auth: base64('me:with:colon') },
      'https://second.example': { auth: base64('you:secret') },
      'third.example': { auth: '', identitytoken: 'token' },
    },
  });
  expect(await registryCredentials('registry.example/a')).toEqual({
    username: 'me',
    password: 'with:colon',
    serveraddress: 'registry.example',
  });
  expect(await registryCredentials('second.example/a')).toMatchObject({ username: 'you' });
  expect(await registryCredentials('third.example/a')).toEqual({
    identitytoken: 'token',
    serveraddress: 'third.example',
  });
});

test('a helper of the registry comes before the helper of all, and that before the entry', async () => {
  configure({
    auths: { 'registry.example': { auth: base64('no:no') } },
    credsStore: 'all',
    credHelpers: { 'cloud.example': 'cloud' },
  });
  helper(
    'all',
    'read -r asked; echo "{\\"ServerURL\\":\\"$asked\\",\\"Username\\":\\"$1\\",\\"Secret\\":\\"$asked\\"}"',
  );
  helper('cloud', 'echo \'{"Username":"<token>","Secret":"short-lived"}\'');
  expect(await registryCredentials('registry.example/a')).toEqual({
    username: 'get',
    password: 'registry.example',
    serveraddress: 'registry.example',
  });
  expect(await registryCredentials('cloud.example/a')).toMatchObject({ identitytoken: 'short-lived' });
});

test('a helper that has none, fails, or is missing', async () => {
  configure({ credsStore: 'all', credHelpers: { 'b.example': 'broken', 'c.example': 'missing' } });
  helper('all', 'echo "credentials not found in native keychain"; exit 1');
  helper('broken', 'echo "the vault is locked"; exit 1');
  expect(await registryCredentials('a.example/a')).toBeNull();
  await expect(registryCredentials('b.example/a')).rejects.toThrow(
    'docker-credential-broken gave no credentials for b.example: the vault is locked',
  );
  await expect(registryCredentials('c.example/a')).rejects.toThrow(
    /docker-credential-missing gave no credentials/,
  );
});

test.each(['user hunter2', '{"Username":"user","Password":"hunter2"}'])(
  'a helper that prints something else is named, and what it printed is not shown: %s',
  async (printed) => {
    configure({ credsStore: 'odd' });
    helper('odd', `echo '${printed}'`);
    const failure: unknown = await registryCredentials('a.example/a').catch((error: unknown) => error);
    expect(inspect(failure)).toContain(
      'docker-credential-odd printed something other than credentials for a.example',
    );
    expect(inspect(failure)).not.toContain('hunter2');
  },
);

test.each([
  ['{"auths":', /config\.json can't be read: .*JSON/],
  ['{"credHelpers":{"a":1}}', /config\.json can't be read: .*\n.*credHelpers\.a/],
])('a file that is none of docker login is named: %s', async (text, message) => {
  writeFileSync(join(folder, 'config.json'), text);
  await expect(registryCredentials('a.example/a')).rejects.toThrow(message);
});
