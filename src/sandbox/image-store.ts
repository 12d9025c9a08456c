import type { Deadline } from '../kernel/deadline.ts';
import type { Image } from '../policy/schema.ts';

/** How long somebody waits who only looks after images: a pull may be of gigabytes. */
export const PULL_MS = 600_000;

/** The engine's images, apart from its sandboxes. */
export interface ImageStore {
  /**
   * Sees to it that the engine has the image; one without a Dockerfile of ours is pulled where it is missing. Asking
   * for the same reference while it is pulled joins that pull, which goes on when nobody waits for it any more.
   *
   * @returns whether it had to be pulled.
   * @throws SandboxFault `image_missing` where it isn't built, or its registry knows none of that name or refuses it;
   * `engine_down`, `engine_error` where engine or registry failed, which may pass. DeadlineExceeded: it isn't there yet.
   */
  provide(image: Image, deadline: Deadline): Promise<'there' | 'pulled'>;
}
