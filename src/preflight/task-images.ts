import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import type { Catalog, Image } from '../policy/schema.ts';
import { PULL_MS, type ImageStore } from '../sandbox/image-store.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';

/** Images asked for at the same time. A pull that a rollout waits for is in nobody's way. */
const LOOKS_AT_ONCE = 4;

interface TaskImageParts {
  readonly catalog: Pick<Catalog, 'tasks'>;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** Looks after the images of all tasks, at start and after each reload, and tells of each that can't be had. */
export class TaskImages {
  readonly #parts: TaskImageParts;
  #looks: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(parts: TaskImageParts) {
    this.#parts = parts;
  }

  /** Begins to look; what is missing is pulled meanwhile. */
  look(): void {
    const tasksOf = Map.groupBy(this.#parts.catalog.tasks.values(), ({ image }) => image);
    const waiting = tasksOf.entries();
    const lane = async (): Promise<void> => {
      for (const [image, tasks] of waiting)
        if (!this.#closed) await this.#provide(image, tasks.map(({ name }) => name)); // prettier-ignore
    };
    this.#looks = Promise.all([this.#looks, ...Array.from({ length: LOOKS_AT_ONCE }, lane)]);
  }

  async #provide(image: Image, tasks: readonly string[]): Promise<void> {
    const { images, clock, log } = this.#parts;
    const { name, reference } = image;
    try {
      const found = await images.provide(image, Deadline.after(clock, 'engine_request', PULL_MS));
      if (found === 'pulled') log.info({ image: name, reference }, 'image pulled');
    } catch (error) {
      if (!(error instanceof SandboxFault || error instanceof DeadlineExceeded)) throw error;
      if (this.#closed) return;
      const facts = { image: name, error: error.message, tasks };
      if (error instanceof SandboxFault && error.code === 'image_missing')
        log.error(facts, 'rollouts of these tasks will be excluded');
      else log.warn(facts, 'rollouts of these tasks wait for their image');
    }
  }

  /** What fails from now on fails because the engine is let go of. */
  close(): void {
    this.#closed = true;
  }

  async idle(): Promise<void> {
    await this.#looks;
  }
}
