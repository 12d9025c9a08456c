import type { Deadline } from '../kernel/deadline.ts';
import type { Image } from '../policy/schema.ts';

/** A pull may be of gigabytes. */
export const PULL_MS = 600_000;

/** The engine's images, apart from its sandboxes: looked after at start and by `faultline tasks check`. */
export interface ImageStore {
  /**
   * Sees to it that the engine has the image; one without a Dockerfile of ours is pulled where it is missing. Asking
   * for the same reference while it is pulled joins that pull.
   *
   * @param stop Aborts the wait and the pull.
   * @returns whether it had to be pulled.
   * @throws SandboxFault `image_missing` with the engine's own words, `engine_down`, `engine_error`
   */
  provide(image: Image, deadline: Deadline, stop?: AbortSignal): Promise<'there' | 'pulled'>;
}
