import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import { loadCatalog } from '../../src/policy/load.ts';
import { BUILT_SANDBOXD } from '../../src/sandbox/docker/sandboxd-volume.ts';
import { DockerEngine } from '../../src/sandbox/docker/docker-engine.ts';
import type { Burst } from './burst-meter.ts';
import { bare, dockerRun, ours, POLICIES } from './burst-sides.ts';
import { goals, renderBursts } from './burst-table.ts';

/**
 * Bursts of rollouts that all send their first call at once: faultline warm and cold through HTTP, the best dockerode loop,
 * sandboxd alone, and `docker run` for each. The sides are interleaved within every size and round.
 */

interface Arguments {
  readonly sizes: string;
  readonly rounds: string;
  readonly atOnce: string;
  readonly sides: string;
  readonly json?: string;
}

const given = new Command('bench:burst')
  .option('--sizes <list>', 'rollouts per burst; 1000 takes minutes', '50,100,300')
  .option('--rounds <n>', 'bursts of each side and size', '1')
  .option('--at-once <list>', 'simultaneous starts of the dockerode loop; the best result is used', '4,6')
  .option('--sides <list>', 'warm, cold, loop, run', 'warm,cold,loop,run')
  .option('--json <file>', 'also write the figures to a file')
  .parse()
  .opts<Arguments>();

const numbers = (list: string): number[] => list.split(',').map(Number);

async function runtimeInUse(): Promise<string> {
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const engine = await DockerEngine.connect({
    controllerId: 'bench-probe',
    clock: systemClock,
    log: silent,
    sandboxd: BUILT_SANDBOXD,
  });
  const { runtime } = await engine.ping(Deadline.after(systemClock, 'engine_request', 10_000));
  await engine[Symbol.asyncDispose]();
  return runtime;
}

async function main(): Promise<void> {
  const { defaultTask: task } = loadCatalog({
    policiesDir: POLICIES,
    imagesDir: 'images',
    taskFile: 'policies/tasks.yaml',
  });
  const runtime = await runtimeInUse();
  const sides = new Set(given.sides.split(','));
  const bursts: Burst[] = [];
  let leaked = 0;
  const note = (...more: readonly Burst[]): void => {
    bursts.push(...more);
    for (const { side, count, wallMs } of more)
      console.error(`${String(count)} × ${side}: ${(wallMs / 1000).toFixed(2)} s`);
  };
  for (let round = 0; round < Number(given.rounds); round += 1)
    for (const count of numbers(given.sizes)) {
      for (const warm of [true, false]) {
        if (!sides.has(warm ? 'warm' : 'cold')) continue;
        const { burst, leaked: left } = await ours(count, warm);
        note(burst);
        leaked += left;
      }
      if (sides.has('loop'))
        for (const atOnce of numbers(given.atOnce)) note(...(await bare(task, runtime, count, atOnce)));
      if (sides.has('run')) note(await dockerRun(task.image.reference, count));
    }
  console.log(renderBursts(bursts));
  console.log(goals(bursts));
  console.log(`containers left by faultline after a clean stop: ${String(leaked)}`);
  if (given.json !== undefined)
    await writeFile(given.json, JSON.stringify({ runtime, leaked, bursts }, null, 2));
}

await main();
