import { join } from 'node:path';
import type { StartedTestContainer } from 'testcontainers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestContainer } from './support/test-container.ts';

/** docker/setup on a machine of its own: a container of bare Debian, without an engine. */

const POLICY = '/usr/sbin/policy-rc.d';

let machine: StartedTestContainer;
beforeAll(async () => {
  const folder = join(import.meta.dirname, '../../docker/setup');
  machine = await new TestContainer('faultline/debian:bookworm')
    .withCommand(['sleep', 'infinity'])
    .withCopyDirectoriesToContainer([{ source: folder, target: '/faultline/docker/setup' }])
    .start();
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

const run = (script: string) => machine.exec(['sh', '-c', script]);

/** A program in front of all others of its name. */
async function stub(name: string, body: string): Promise<void> {
  const file = `/usr/local/sbin/${name}`;
  await machine.copyContentToContainer([{ content: `#!/bin/sh\n${body}\n`, target: file, mode: 0o755 }]);
}

it.each(['INT', 'TERM', 'HUP'])(
  'an installation ended by SIG%s leaves no policy-rc.d behind',
  async (signal) => {
    await run(`rm -f ${POLICY} /seen`);
    await stub('apt-get', `[ ! -x ${POLICY} ] || touch /seen; sleep 60`);
    // `timeout` signals the foreground process group, as a terminal does.
    const began = performance.now();
    const { exitCode } = await run(`timeout -s ${signal} 2 /faultline/docker/setup/engine`);
    expect(exitCode).not.toBe(0);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect((await run(`ls /seen ${POLICY}`)).stdout).toBe('/seen\n');
    expect((await run('grep -las "sleep.6[0]" /proc/[0-9]*/cmdline')).stdout).toBe('');
  },
);

it('an installed engine that is stopped is started, and nothing is installed', async () => {
  await run('rm -f /started /installed; mkdir -p /run/systemd/system');
  await stub('apt-get', 'touch /installed');
  await stub(
    'systemctl',
    'case "$1 $2" in "cat docker.service") ;; "start docker") touch /started ;; *) exit 1 ;; esac',
  );
  await stub('docker', '[ -e /started ]');
  const { exitCode, output } = await run('/faultline/docker/setup/engine');
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  expect((await run('ls /started /installed')).stdout).toBe('/started\n');
});

it('packages of the machine are never removed in favour of ours', async () => {
  await run('rm -rf /run/systemd/system /usr/local/sbin/docker');
  await stub('apt-get', 'case "$*" in *--no-remove*) touch /safe ;; *install*) touch /unsafe ;; esac');
  await run('/faultline/docker/setup/engine');
  expect((await run('ls /safe /unsafe')).stdout).toBe('/safe\n');
});
