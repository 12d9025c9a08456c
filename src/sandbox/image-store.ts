import type { Deadline } from '../kernel/deadline.ts';
import type { Image } from '../policy/schema.ts';

/** How long a caller outside any call waits for an image: a pull may load gigabytes. */
export const PULL_MS = 600_000;

/** The engine's images. */
export interface ImageStore {
  /**
   * Makes sure that the engine has the image. An image without a Dockerfile of ours is pulled where it is missing. A
   * request for a reference that is being pulled joins that pull. A pull continues when no caller waits for it any more.
   *
   * @returns whether the image had to be pulled.
   * @throws SandboxFault `image_missing` where it is not built, or its registry does not have it or refuses it;
   * `engine_down`, `engine_error` where the engine or the registry failed: the caller may retry. DeadlineExceeded: the
   * pull is still under way.
   */
  provide(image: Image, deadline: Deadline): Promise<'there' | 'pulled'>;
}
