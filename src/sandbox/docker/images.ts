import { DeadlineExceeded, type Deadline } from '../../kernel/deadline.ts';
import { errorMessage } from '../../kernel/invariant.ts';
import { SingleFlight } from '../../kernel/single-flight.ts';
import type { Image } from '../../policy/schema.ts';
import type { ImageStore } from '../image-store.ts';
import { SandboxFault } from '../sandbox.ts';
import type { DockerConnection } from './docker-connection.ts';
import { dockerFault, isNotFound } from './docker-errors.ts';

/** Images of one Docker daemon. A pull whose deadline has passed goes on in the daemon; the next asking finds it done. */
export class DockerImages implements ImageStore {
  readonly #connection: DockerConnection;
  readonly #pulls = new SingleFlight<string, void>();

  constructor(connection: DockerConnection) {
    this.#connection = connection;
  }

  async provide(
    { reference, build }: Image,
    deadline: Deadline,
    stop?: AbortSignal,
  ): Promise<'there' | 'pulled'> {
    if (await this.#has(reference, deadline)) return 'there';
    if (build !== undefined)
      throw new SandboxFault('image_missing', `${reference} is not built: npm run images`);
    await this.#pulls.run(reference, () => this.#pull(reference, deadline, stop));
    return 'pulled';
  }

  async #has(reference: string, deadline: Deadline): Promise<boolean> {
    try {
      await deadline.race(this.#connection.docker.getImage(reference).inspect());
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw dockerFault('inspect', error);
    }
  }

  /** The engine tells a pull's failure in the stream, or by a status where it can't begin: both are the image's. */
  async #pull(reference: string, deadline: Deadline, stop: AbortSignal | undefined): Promise<void> {
    const { docker } = this.#connection;
    try {
      const progress = await deadline.race(
        docker.pull(reference, stop === undefined ? {} : { abortSignal: stop }),
      );
      const done = Promise.withResolvers<undefined>();
      docker.modem.followProgress(progress, (error) => {
        if (error === null) done.resolve(undefined);
        else done.reject(error);
      });
      await deadline.race(done.promise);
    } catch (error) {
      const fault = dockerFault('prepare', error);
      if (fault.code === 'engine_down' && !(error instanceof DeadlineExceeded)) throw fault;
      throw new SandboxFault('image_missing', `${reference} can't be pulled: ${errorMessage(error).trim()}`, {
        cause: error,
      });
    }
  }
}
