import { Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/errors.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';
import type { Image } from '../../policy/schema.ts';
import type { ImageStore } from '../image-store.ts';
import { SandboxFault } from '../sandbox.ts';
import type { DockerConnection } from './docker-connection.ts';
import { dockerFault, isNotFound } from './docker-errors.ts';
import { registryCredentials } from './registry-credentials.ts';

const LOOK_MS = 30_000;
/** Longer than any caller waits: a cancelled pull starts from zero, so a shorter limit would never load a large image. */
const LONGEST_PULL_MS = 3_600_000;

/** Images of one Docker daemon. A pull belongs to no caller: it continues when all callers have stopped waiting. */
export class DockerImages implements ImageStore, Disposable {
  readonly #connection: DockerConnection;
  readonly #credentials: typeof registryCredentials;
  readonly #pulls = new SingleFlight<string, 'there' | 'pulled'>();
  readonly #closing = new AbortController();

  constructor(connection: DockerConnection, credentials = registryCredentials) {
    this.#connection = connection;
    this.#credentials = credentials;
  }

  async provide({ reference, build }: Image, deadline: Deadline): Promise<'there' | 'pulled'> {
    if (build === undefined)
      return await deadline.race(this.#pulls.run(reference, () => this.#obtain(reference)));
    if (await this.#has(reference)) return 'there';
    throw new SandboxFault('image_missing', `${reference} is not built: npm run images`);
  }

  /** Checks inside the single flight, so that a request made when a pull ends does not start another pull. */
  async #obtain(reference: string): Promise<'there' | 'pulled'> {
    if (await this.#has(reference)) return 'there';
    await this.#pull(reference);
    return 'pulled';
  }

  async #has(reference: string): Promise<boolean> {
    const { docker, clock } = this.#connection;
    try {
      await Deadline.after(clock, 'engine_request', LOOK_MS).race(docker.getImage(reference).inspect());
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw dockerFault('inspect', error);
    }
  }

  /** The engine reports a failed pull by status code where it can't begin, else in the stream. */
  async #pull(reference: string): Promise<void> {
    const { docker, clock } = this.#connection;
    const deadline = Deadline.after(clock, 'engine_request', LONGEST_PULL_MS);
    try {
      const authconfig = await this.#credentials(reference);
      const options = { abortSignal: this.#closing.signal, ...(authconfig && { authconfig }) };
      const progress = await deadline.race(docker.pull(withTag(reference), options));
      await deadline.race(this.#finished(progress));
    } catch (error) {
      const { code } = dockerFault('pull', error);
      const message = `${reference} can't be pulled: ${errorMessage(error).trim()}`;
      throw new SandboxFault(code, message, { cause: error });
    }
  }

  #finished(progress: NodeJS.ReadableStream): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#connection.docker.modem.followProgress(progress, (error, told: readonly Progress[]) => {
        const failure = error ?? told.find((one) => one.error !== undefined)?.error;
        if (failure === undefined) resolve();
        else reject(failure instanceof Error ? failure : new Error(failure));
      });
    });
  }

  /** Cancels pulls under way. */
  [Symbol.dispose](): void {
    this.#closing.abort();
  }
}

/** A line of a pull's stream. Only the error is used. */
interface Progress {
  readonly error?: string;
}

/** Without a tag the engine would pull every tag of the repository. */
function withTag(reference: string): string {
  return /[:@][^/]*$/.test(reference) ? reference : `${reference}:latest`;
}
