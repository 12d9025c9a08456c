import { GOOD, type Member } from './member.ts';
import type { World } from './world.ts';

/**
 * Starts what was ended. Resolves with the milliseconds from then to the answer of the pilot's call, which is sent at
 * that moment and repeated as the platform repeats; null where there is no controller that could answer.
 */
export async function startAgain(
  world: World,
  what: 'dockerd' | 'controller',
  pilot: Member,
): Promise<number | null> {
  world.truth.note('start', { process: what });
  if (what === 'dockerd' && world.controller.server === null) {
    await world.engine.start();
    return null;
  }
  const began = performance.now();
  const called = pilot.call(`${pilot.rollout}.${String(pilot.calls.length)}-after-${what}`, GOOD);
  await Promise.all([called, world[what === 'dockerd' ? 'engine' : 'controller'].start()]);
  return performance.now() - began;
}
