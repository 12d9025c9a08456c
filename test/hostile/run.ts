/** `npm run hostile -- --policy P --runtime R --case ID --repeat N`: all cases, N times, and a table at the end. */
import { Command } from 'commander';
import PQueue from 'p-queue';
import { Arena, type Ground } from './arena.ts';
import { holdings, stillWell } from './aftermath.ts';
import {
  applies,
  cases,
  channels,
  exhaustions,
  type Channel,
  type Exhaustion,
  type HostileCase,
} from './case.ts';
import { exhaust } from './exhaust.ts';
import { play, type Played } from './play.ts';
import { table } from './table.ts';
import { talk } from './talk.ts';

interface Options {
  readonly policy: string[];
  readonly runtime: string[];
  readonly case?: string[];
  readonly repeat: string;
  readonly atOnce: string;
}

const options = new Command()
  .option('--policy <name...>', 'policies', ['default', 'strict'])
  .option('--runtime <name...>', 'runtimes that the engine knows, or auto', ['auto'])
  .option('--case <id...>', 'only these')
  .option('--repeat <times>', 'how often each', '1')
  .option('--at-once <count>', 'cases that run at the same time', '3')
  .parse()
  .opts<Options>();

const grounds: Ground[] = options.policy.flatMap((policy) => {
  const runtimes = policy === 'gvisor' ? ['runsc'] : options.runtime;
  return runtimes.map((runtime) => ({ policy, runtime }));
});

await using arena = await Arena.open(grounds, cases);
for (const ground of grounds) await stillWell(arena, ground);
const before = await holdings(arena);
const queue = new PQueue({ concurrency: Number(options.atOnce) });
const runs = Array.from({ length: Number(options.repeat) }, (_, n) => String(n + 1));
const wanted = ({ id }: { readonly id: string }) => options.case?.includes(id) ?? true;
const trials = runs.flatMap((run) => grounds.flatMap((ground) => trialsOn(ground, run)));
const all: readonly Played[] = await queue.addAll(trials);
console.log(table(all));
console.log('held by the controller before and after:', JSON.stringify([before, await holdings(arena)]));
await arena.server.stop();
const left = await arena.world.containers();
console.log(`containers left by a clean stop: ${String(left.length)}`);
if (left.length > 0 || all.some(({ problems }) => problems.length > 0)) process.exitCode = 1;

/** Every case and channel once, each still to be begun. */
function trialsOn(ground: Ground, run: string): (() => Promise<Played>)[] {
  const here = (item: HostileCase | Channel | Exhaustion) =>
    wanted(item) && applies(item, ground.policy, ground.runtime);
  return [
    ...cases.filter(here).map((item) => () => play(arena, item, ground, run)),
    ...channels.filter(here).map((channel) => () => talk(arena, channel, ground, run)),
    ...exhaustions.filter(here).map((item) => () => exhaust(arena, item, ground, run)),
  ].map((trial) => async () => tell(await trial()));
}

function tell(played: Played): Played {
  const { id, ground, problems } = played;
  for (const problem of problems) console.log(`${id} ${ground.policy} ${ground.runtime}: ${problem}`);
  return played;
}
