import { afterAll, beforeAll, expect } from 'vitest';
import { World } from './server.ts';

/**
 * One world for all tests of a file. After the last test its servers are stopped as an operator would, must leave no
 * container, and the world is removed.
 *
 * @param open Called before the first test: prepares the world and starts the server.
 */
export function withWorld(open: (world: World) => Promise<void>): void {
  let world: World | null = null;
  beforeAll(async () => {
    world = new World();
    await open(world);
  });
  afterAll(async () => {
    await using ending = world;
    await ending?.stop();
    expect(await ending?.containers(), 'containers left behind by a clean stop').toEqual([]);
  });
}
