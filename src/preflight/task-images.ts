import type { Clock } from '../kernel/clock.ts';
import { Deadline, DeadlineExceeded } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import type { Catalog, Image } from '../policy/schema.ts';
import { PULL_MS, type ImageStore } from '../sandbox/image-store.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';

/** Images requested at the same time. Requests of rollouts don't wait for these. */
const LOOKS_AT_ONCE = 4;

interface TaskImageParts {
  readonly catalog: Pick<Catalog, 'tasks'>;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** Requests the images of all tasks, at start and after each reload, and logs each that can't be provided. */
export class TaskImages {
  readonly #parts: TaskImageParts;
  #looks: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(parts: TaskImageParts) {
    this.#parts = parts;
  }

  /** Begins to request the images; missing ones are pulled in the background. */
  look(): void {
    const tasksOf = Map.groupBy(this.#parts.catalog.tasks.values(), ({ image }) => image);
    const waiting = tasksOf.entries();
    const requestNext = async (): Promise<void> => {
      for (const [image, tasks] of waiting)
        if (!this.#closed) await this.#provide(image, tasks.map(({ name }) => name)); // prettier-ignore
    };
    this.#looks = Promise.all([this.#looks, ...Array.from({ length: LOOKS_AT_ONCE }, requestNext)]);
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

  /** Failures after this aren't logged, because the engine is being closed. */
  close(): void {
    this.#closed = true;
  }

  async idle(): Promise<void> {
    await this.#looks;
  }
}
