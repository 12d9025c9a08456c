import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { Deadline } from '../../src/kernel/deadline.ts';
import { DockerEngine } from '../../src/sandbox/docker/docker-engine.ts';
import { probeSpec } from '../../src/sandbox/docker/probe-spec.ts';
import { docker } from './support/docker.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
const soon = () => Deadline.after(systemClock, 'sandbox_start', 60_000);

test('a volume that somebody pruned is filled again for the next start', async () => {
  const controllerId = `sandboxd-volume-${String(process.pid)}`;
  const files = await mkdtemp(join(tmpdir(), 'faultline-sandboxd-'));
  const sandboxd = { sandboxd: join(files, 'sandboxd'), interpreter: join(files, 'interpreter.py') };
  await copyFile('docker/sandboxd/build/sandboxd', sandboxd.sandboxd);
  // Contents of its own, so that the volume is nobody else's.
  await writeFile(sandboxd.interpreter, `# ${controllerId}\n`);
  const before = new Set((await docker('volume', 'ls', '-q')).split('\n'));
  await using engine = await DockerEngine.connect({ controllerId, clock: systemClock, log: LOG, sandboxd });
  const made = (await docker('volume', 'ls', '-q')).split('\n').filter((name) => !before.has(name));
  const volume = made.find((name) => name.startsWith('faultline-sandboxd-')) ?? '';

  await docker('volume', 'rm', volume);
  const spec = probeSpec('faultline/busybox');
  await expect(engine.start(spec, soon())).rejects.toMatchObject({ code: 'engine_error' });
  const sandbox = await vi.waitFor(() => engine.start(spec, soon()), { timeout: 30_000 });

  await engine.remove(sandbox.handle, soon());
  await vi.waitUntil(() => engine.abandoned === 0, { timeout: 30_000 });
  await docker('volume', 'rm', volume);
  await docker('rmi', volume.replace('sandboxd-', 'sandboxd:'));
  await rm(files, { recursive: true });
});
