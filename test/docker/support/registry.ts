import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';

/** Where `docker/setup/test-extras` puts it. */
const PROGRAM = join(import.meta.dirname, '../../../.tools/registry/usr/bin/docker-registry');

/** Whether there is one on this machine: set-up brings it where Debian's packages can be had. */
export const haveRegistry = existsSync(PROGRAM);

/** Who may use a registry that asks; the second part as `htpasswd -B` writes it. */
export const MEMBER = { name: 'trainer', password: 'open sesame' };
const MEMBER_LINE = `${MEMBER.name}:$2b$05$lHV10VT505OnpFbPUvh20eeS.Tk0M/.RiMoi7F3l0Z2WpPzp5hN3i\n`;

/** A registry of images on a loopback port, with a storage of its own; engines take those without TLS. */
export class Registry implements AsyncDisposable {
  readonly address: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'faultline-registry-'));
  #process: ChildProcess | null = null;

  private constructor(port: number, membersOnly: boolean) {
    this.address = `127.0.0.1:${String(port)}`;
    const config = {
      version: '0.1',
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(this.#folder, 'storage') } },
      http: { addr: this.address },
      ...(membersOnly ? { auth: { htpasswd: { realm: 'test', path: join(this.#folder, 'members') } } } : {}),
    };
    writeFileSync(join(this.#folder, 'members'), MEMBER_LINE);
    // JSON is YAML.
    writeFileSync(join(this.#folder, 'config.yml'), JSON.stringify(config));
  }

  /** @param membersOnly Whether it asks for a login. */
  static async open(membersOnly = false): Promise<Registry> {
    const registry = new Registry(await freePort(), membersOnly);
    await registry.start();
    return registry;
  }

  /** Again on the same port, with what it had. */
  async start(): Promise<void> {
    this.#process = spawn(PROGRAM, ['serve', join(this.#folder, 'config.yml')], { stdio: 'ignore' });
    await vi.waitUntil(() => this.#answers(), { timeout: 30_000, interval: 100 });
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async #answers(): Promise<boolean> {
    try {
      const { status } = await fetch(`http://${this.address}/v2/`);
      return status === 200 || status === 401;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
