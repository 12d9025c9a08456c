import { Wait, type StartedTestContainer } from 'testcontainers';
import { Faultline } from '../../../src/client/client.ts';
import { ComposeService } from './compose-service.ts';
import { docker } from './docker.ts';
import { freePort } from './free-port.ts';
import { ownName } from './test-container.ts';

const TOKEN = 'a-token-for-tests';

/** The controller as operators run it: its image, in a container as docker/compose.yaml describes. */
export class ControllerContainer implements AsyncDisposable {
  readonly id: string;
  readonly client: Faultline;
  readonly #container: StartedTestContainer;
  readonly #volume: string;
  readonly #stopGraceMs: number;

  private constructor(container: StartedTestContainer, port: number, volume: string, stopGraceMs: number) {
    this.#container = container;
    this.#volume = volume;
    this.#stopGraceMs = stopGraceMs;
    this.id = container.getId();
    this.client = new Faultline({
      url: `http://127.0.0.1:${String(port)}`,
      token: TOKEN,
      patienceMs: 60_000,
    });
  }

  static async start(environment: Readonly<Record<string, string>> = {}): Promise<ControllerContainer> {
    const [port, volume] = [await freePort(), ownName()];
    const deployment = { port, volume, environment: { FAULTLINE_TOKEN: TOKEN, ...environment } };
    const service = await ComposeService.from(deployment);
    let said = '';
    service
      .withLogConsumer((log) => log.on('data', (text: string) => (said += text)))
      .withWaitStrategy(Wait.forLogMessage('faultline listens on'));
    try {
      return new ControllerContainer(await service.start(), port, volume, service.stopGraceMs);
    } catch (error) {
      await docker('volume', 'rm', '-f', volume);
      throw new Error(`the controller's container did not start:\n${said}`, { cause: error });
    }
  }

  /** `docker restart`, with the file's grace period. */
  async restart(): Promise<void> {
    await this.#container.restart({ timeout: this.#stopGraceMs });
  }

  /** SIGKILL without warning, unlike testcontainers' `restart`, and a new start of the same container. */
  async crash(): Promise<void> {
    await docker('kill', this.id);
    await docker('start', this.id);
  }

  /** `docker stop`, with the file's grace period; the container stays. @returns its exit status; 137 after SIGKILL. */
  async stop(): Promise<number> {
    await this.#container.stop({ timeout: this.#stopGraceMs, remove: false });
    return Number(await docker('inspect', '-f', '{{.State.ExitCode}}', this.id));
  }

  /** A command in the controller's container. @returns its stdout @throws Error where it fails. */
  async run(...command: string[]): Promise<string> {
    const { exitCode, stdout, output } = await this.#container.exec(command);
    if (exitCode !== 0) throw new Error(`${command.join(' ')}: exit status ${String(exitCode)}: ${output}`);
    return stdout;
  }

  /** Ids of the sandboxes that carry this controller's label, running or not. */
  async sandboxes(): Promise<string[]> {
    const label = `label=faultline.controller=${await this.#controllerId()}`;
    const listed = await docker('ps', '-aq', '--no-trunc', '--filter', label);
    return listed.split('\n').filter((line) => line !== '');
  }

  #id: string | undefined;
  async #controllerId(): Promise<string> {
    this.#id ??= (await this.run('cat', '/data/controller-id')).trim();
    return this.#id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = await this.sandboxes();
    await docker('rm', '-fv', this.id, ...left);
    await docker('volume', 'rm', this.#volume);
  }
}
