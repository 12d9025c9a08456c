import { readFileSync } from 'node:fs';
import PQueue from 'p-queue';
import { World } from '../docker/support/server.ts';

/**
 * `npm run soak -- [rollouts]`: opens, uses and ends rollouts, then looks for what they left behind: containers,
 * volumes' users and open files of the server. Ends with status 1 if anything leaked or a call failed.
 */
const rollouts = Number(process.argv[2] ?? 1000);
const AT_ONCE = 16;

await using world = new World();
const server = await world.start();
const pid = String(server.process.pid);
const status = (field: string): string =>
  new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '?';

let failed = 0;
const queue = new PQueue({ concurrency: AT_ONCE });
for (let n = 1; n <= rollouts; n += 1)
  void queue.add(async () => {
    const id = `soak-${String(n)}`;
    const { status: code, output } = await server.tool('shell', id, '1', { command: `echo ${id}` });
    if (code !== 200 || output !== `${id}\n`) failed += 1;
    await server.request('DELETE', `/v1/rollouts/${id}`);
    if (n % 100 === 0) console.log(`${String(n)} rollouts, server at ${status('VmRSS')}`);
  });
await queue.onIdle();

const peak = status('VmHWM');
await server.stop();
const left = await world.containers();
console.log(
  `${String(rollouts)} rollouts: ${String(failed)} failed, ${String(left.length)} containers left, server's peak ${peak}`,
);
process.exitCode = failed + left.length === 0 ? 0 : 1;
