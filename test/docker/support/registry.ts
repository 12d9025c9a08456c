import { Wait, type StartedTestContainer } from 'testcontainers';
import { docker } from './docker.ts';
import { freePort } from './free-port.ts';
import { ownName, TestContainer } from './test-container.ts';

const IMAGE = 'localhost/faultline/test-registry:latest';
const PORT = 5000;
const STORAGE = '/var/lib/registry';
const MEMBERS = '/etc/registry-members';

/** Who may use a registry that asks; the second part as `htpasswd -B` writes it. */
export const MEMBER = { name: 'trainer', password: 'open sesame' };
const MEMBER_LINE = `${MEMBER.name}:$2b$05$lHV10VT505OnpFbPUvh20eeS.Tk0M/.RiMoi7F3l0Z2WpPzp5hN3i\n`;

/**
 * A registry of images on a loopback port, which engines use without TLS. Each start is a container of its own; port
 * and storage, a volume, stay the same.
 */
export class Registry implements AsyncDisposable {
  readonly address: string;
  readonly #port: number;
  readonly #storage = ownName();
  readonly #config: string;
  #container: StartedTestContainer | null = null;

  private constructor(port: number, membersOnly: boolean) {
    this.#port = port;
    this.address = `127.0.0.1:${String(port)}`;
    // JSON is YAML.
    this.#config = JSON.stringify({
      version: '0.1',
      log: { level: 'info', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: STORAGE } },
      http: { addr: `:${String(PORT)}` },
      ...(membersOnly ? { auth: { htpasswd: { realm: 'test', path: MEMBERS } } } : {}),
    });
  }

  /** @param membersOnly Whether it asks for a login. */
  static async open(membersOnly = false): Promise<Registry> {
    const registry = new Registry(await freePort(), membersOnly);
    await registry.start();
    return registry;
  }

  async start(): Promise<void> {
    this.#container = await new TestContainer(IMAGE)
      .withLoopbackPort(PORT, this.#port)
      .withBindMounts([{ source: this.#storage, target: STORAGE }])
      .withCopyContentToContainer([
        { content: this.#config, target: '/etc/registry.yml' },
        { content: MEMBER_LINE, target: MEMBERS },
      ])
      .withWaitStrategy(Wait.forLogMessage('listening on'))
      .start();
  }

  /** Connections are refused until the next start. */
  async stop(): Promise<void> {
    await this.#container?.stop();
    this.#container = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await docker('volume', 'rm', this.#storage);
  }
}
