import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Arena, type Ground } from './arena.ts';
import { applies, cases, channels, exhaustions } from './case.ts';
import { exhaust } from './exhaust.ts';
import { play } from './play.ts';
import { talk } from './talk.ts';

/** The quick part of `npm run hostile`: the shipped policies with the runtime that the server chooses. */
const grounds: readonly Ground[] = ['default', 'strict'].map((policy) => ({ policy, runtime: 'auto' }));
const quick = cases.filter((item) => item.quick);

let arena: Arena;
beforeAll(async () => {
  arena = await Arena.open(grounds, quick);
});
afterAll(async () => {
  await arena.server.stop();
  const left = await arena.world.containers();
  await arena[Symbol.asyncDispose]();
  expect(left, 'containers left behind').toEqual([]);
});

describe.each(grounds)('$policy', (ground) => {
  const some = quick.filter((item) => applies(item, ground.policy, ground.runtime));
  test.concurrent.each(some)('$id $about', async (item) => {
    const { problems } = await play(arena, item, ground, 'once');
    expect(problems).toEqual([]);
  });

  const used = exhaustions.filter((item) => item.quick && applies(item, ground.policy, ground.runtime));
  test.each(used)('leaves enough to others: $about', async (item) => {
    const { problems } = await exhaust(arena, item, ground, 'once');
    expect(problems).toEqual([]);
  });

  // Those that every policy has are the same part of the container: once is enough here.
  const ways = channels.filter(
    (channel) =>
      applies(channel, ground.policy, ground.runtime) &&
      (ground.policy === 'default' || channel.policies !== undefined),
  );
  test.concurrent.each(ways)('carries nothing to another sandbox: $about', async (channel) => {
    const { problems } = await talk(arena, channel, ground, 'once');
    expect(problems).toEqual([]);
  });
});
