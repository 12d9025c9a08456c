import type { Clock } from '../kernel/clock.ts';
import { Deadline } from '../kernel/deadline.ts';
import type { Log } from '../kernel/log.ts';
import type { Catalog } from '../policy/schema.ts';
import { PULL_MS, type ImageStore } from '../sandbox/image-store.ts';
import { SandboxFault } from '../sandbox/sandbox.ts';

interface ProvisionParts {
  readonly catalog: Pick<Catalog, 'tasks'>;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Looks after the images of all tasks, and tells of each that can't be had; rollouts of its tasks are excluded until it
 * is there. Ends early when aborted.
 */
export async function provideImages(
  { catalog, images, clock, log }: ProvisionParts,
  stop: AbortSignal,
): Promise<void> {
  const tasksOf = Map.groupBy(catalog.tasks.values(), ({ image }) => image);
  const looks = [...tasksOf].map(async ([image, tasks]) => {
    const { name, reference } = image;
    try {
      const found = await images.provide(image, Deadline.after(clock, 'engine_request', PULL_MS), stop);
      if (found === 'pulled') log.info({ image: name, reference }, 'image pulled');
    } catch (error) {
      if (!(error instanceof SandboxFault)) throw error;
      if (stop.aborted) return;
      const names = tasks.map((task) => task.name);
      log.error(
        { image: name, error: error.message, tasks: names },
        'rollouts of these tasks will be excluded',
      );
    }
  });
  await Promise.all(looks);
}
