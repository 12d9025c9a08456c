import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Network, Wait, type StartedTestContainer } from 'testcontainers';
import { docker } from './docker.ts';
import { ownName, TestContainer } from './test-container.ts';

export const HTTP_PORT = 8480;
const RECORD_PORT = 8481;
const NAME_SERVER = 'localhost/faultline/test-name-server:latest';
const WEB_SERVER = 'localhost/faultline/test-web-server:latest';
const NAMES = ['good.test', 'open.test', 'inside.test', 'evil.test'];
const ABSENT = 'absent.open.test';

/** What reached the web hosts: Host header or TLS server name of each request, and how many requests are kept waiting. */
export interface Arrivals {
  readonly arrived: readonly string[];
  readonly held: number;
}

/**
 * An outside world: a name server and web hosts, in containers on a network of their own, which this host reaches by
 * their addresses. `good.test` and all below `open.test` lead to the web hosts; so does `evil.test`, which no policy
 * lists. `/slow` is never answered.
 */
export class Outside implements AsyncDisposable {
  /** Of the web hosts. */
  readonly address: string;
  readonly nameServer: string;
  readonly #names: StartedTestContainer;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    addresses: { web: string; names: string },
    names: StartedTestContainer,
    parts: AsyncDisposableStack,
  ) {
    this.address = addresses.web;
    this.nameServer = addresses.names;
    this.#names = names;
    this.#parts = parts;
  }

  static async open(): Promise<Outside> {
    await using parts = new AsyncDisposableStack();
    const network = parts.use(await new Network({ nextUuid: ownName }).start());
    const web = parts.use(
      await new TestContainer(WEB_SERVER)
        .withNetwork(network)
        .withWaitStrategy(Wait.forLogMessage('listening'))
        .start(),
    );
    const address = web.getIpAddress(network.getName());
    const names = parts.use(
      await new TestContainer(NAME_SERVER)
        .withNetwork(network)
        .withCommand([...NAMES.map((name) => `--address=/${name}/${address}`), `--address=/${ABSENT}/`])
        .withWaitStrategy(Wait.forSuccessfulCommand('grep -q started /names.log'))
        .start(),
    );
    const addresses = { web: address, names: names.getIpAddress(network.getName()) };
    return new Outside(addresses, names, parts.move());
  }

  async arrivals(): Promise<Arrivals> {
    const response = await fetch(`http://${this.address}:${String(RECORD_PORT)}/`);
    return (await response.json()) as Arrivals;
  }

  /** What the name server was asked, in its log's words. */
  async asked(): Promise<string> {
    return (await this.#names.exec(['cat', '/names.log'])).stdout;
  }

  /** The name server is silent until the scope ends: its container is frozen, and questions wait in its socket. */
  async silenceNames(): Promise<AsyncDisposable> {
    const id = this.#names.getId();
    await docker('pause', id);
    return {
      async [Symbol.asyncDispose]() {
        await docker('unpause', id);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

/** A sandbox policy as `default`, with these rules; written beside a world's others. */
export function writeNetworkedPolicy(folder: string): void {
  const rules = [
    `    - { host: good.test, ports: [${String(HTTP_PORT)}, 443], private: true }`,
    `    - { host: .open.test, ports: [${String(HTTP_PORT)}], private: true }`,
    `    - { host: inside.test, ports: [${String(HTTP_PORT)}] }`,
  ];
  const policy = readFileSync(join(folder, 'policies/network.yaml'), 'utf8');
  const from = policy.indexOf('  egress:\n');
  const to = policy.indexOf('limits:\n');
  const networked = `${policy.slice(0, from)}  egress:\n${rules.join('\n')}\n${policy.slice(to)}`;
  writeFileSync(join(folder, 'policies/networked.yaml'), networked);
  const tasks = join(folder, 'policies/tasks.yaml');
  writeFileSync(tasks, `${readFileSync(tasks, 'utf8')}  networked: { image: base, policy: networked }\n`);
}
