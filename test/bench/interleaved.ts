import type { Way } from './call-ways.ts';

const WARM_UP_ROUNDS = 20;

/** Milliseconds of every call of each way. The ways are interleaved, so that other load affects all of them equally. */
export async function interleaved<Name extends string>(
  ways: Readonly<Record<Name, Way>>,
  rounds: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(ways) as Name[];
  const durations = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const name of names) {
      const began = performance.now();
      await ways[name].once();
      if (round >= 0) durations[name].push(performance.now() - began);
    }
  }
  return durations;
}
