import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { docker } from './support/docker.ts';
import { TestContainer } from './support/test-container.ts';

const IMAGE = 'faultline/busybox:latest';
/** Ends at SIGTERM, which PID 1 ignores unless it is told otherwise. */
const COMMAND = ['sh', '-c', 'trap exit TERM; sleep 600 & wait'];

/** A test run of its own: prints the names of its container, network and volume, and goes on until it is killed. */
const RUN = `
  import { Network, Wait } from 'testcontainers';
  import { ownName, TestContainer } from '${join(import.meta.dirname, 'support/test-container.ts')}';
  const network = await new Network({ nextUuid: ownName }).start();
  const volume = ownName();
  const container = await new TestContainer('${IMAGE}')
    .withCommand(${JSON.stringify(COMMAND)})
    .withNetwork(network)
    .withBindMounts([{ source: volume, target: '/data' }])
    .withWaitStrategy(Wait.forSuccessfulCommand('true'))
    .start();
  console.log([container.getName().slice(1), network.getName(), volume].join(' '));
`;

async function startRun(): Promise<{ child: ChildProcess; made: string[] }> {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', `${RUN}; setInterval(() => {}, 1_000)`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [printed] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, made: printed.toString().trim().split(' ') };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

const isThere = (kind: string) => (name: string) =>
  docker(kind, 'inspect', name).then(
    () => true,
    () => false,
  );

const present = ([container = '', network = '', volume = '']: string[]) =>
  Promise.all([isThere('container')(container), isThere('network')(network), isThere('volume')(volume)]);

it('what a killed test run left is removed by the next one, and nothing of a run that goes on', async () => {
  const [killed, living] = await Promise.all([startRun(), startRun()]);
  try {
    await kill(killed.child);
    expect(await present(killed.made)).toEqual([true, true, true]);
    await using _first = await new TestContainer(IMAGE).withCommand(COMMAND).start();
    expect(await present(killed.made)).toEqual([false, false, false]);
    expect(await present(living.made)).toEqual([true, true, true]);
  } finally {
    await kill(living.child);
    const [container = '', network = '', volume = ''] = living.made;
    await docker('rm', '-f', container);
    await docker('network', 'rm', network);
    await docker('volume', 'rm', volume);
  }
});
