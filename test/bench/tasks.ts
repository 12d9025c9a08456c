import { loadavg } from 'node:os';
import { Command } from 'commander';
import { table } from '../../src/cli/terminal.ts';
import { World } from '../docker/support/server.ts';
import { measured } from './burst-meter.ts';
import { MARKER, NumberedImages } from './numbered-images.ts';

/**
 * Many tasks, each with its own image, and a burst with one rollout for each task at the same moment. The dataset row
 * selects the task, no sandbox is warm, and each rollout must run in the image of its task.
 */
const { tasks: count } = new Command('bench:tasks')
  .option('--tasks <n>', 'tasks, images and rollouts', Number, 200)
  .parse()
  .opts<{ readonly tasks: number }>();
const LOOK = { command: `cat ${MARKER}` };

const began = performance.now();
await using images = await NumberedImages.build(count);
console.error(`${String(count)} images built in ${((performance.now() - began) / 1000).toFixed(0)} s`);
await using world = new World();
for (const [nth, reference] of images.references.entries()) world.addImage(`task-${String(nth)}`, reference);
const server = await world.start();

let wrong = 0;
const answers = images.references.map((_, nth) => async () => {
  const item = { task: `task-${String(nth)}` };
  const { status, output } = await server.tool('shell', `rollout-${String(nth)}`, 'call_1', LOOK, { item });
  if (status !== 200) throw new Error(`rollout ${String(nth)}: status ${String(status)}`);
  if (output !== String(nth)) wrong += 1;
});
const { wallMs, p50, p95, p99, failed, cpuSeconds, controllerMb } = await measured(
  'ours, cold',
  answers,
  server.process.pid ?? null,
);
await server.stop();
const leaked = (await world.containers()).length;

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
console.log(
  table(
    ['rollouts', 'answered', 'wrong image', 'failed', 'wall s', 'p50 s', 'p95 s', 'p99 s', 'CPU s', 'ours MB', 'left behind'],
    [[count, count - failed, wrong, failed, ...[wallMs, p50, p95, p99].map(seconds), cpuSeconds.toFixed(0), controllerMb?.toFixed(0) ?? '', leaked]],
  ),
); // prettier-ignore
console.log(`load ${loadavg()[0]?.toFixed(1) ?? '?'}`);
if (failed > 0 || wrong > 0 || leaked > 0) process.exitCode = 1;
