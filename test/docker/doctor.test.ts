import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { docker } from './support/docker.ts';

const doctor = (environment: object = {}) =>
  promisify(execFile)(process.execPath, ['src/cli/faultline.ts', 'doctor', '--json'], {
    env: { ...process.env, ...environment },
    timeout: 90_000,
  });

it('doctor starts a sandbox on every runtime, and says what bounds their number', async () => {
  const { stdout } = await doctor();
  const found = JSON.parse(stdout) as {
    checks: { what: string; state: string }[];
    runtimes: { runtime: string; startMs: number | null; problem: string | null }[];
    sandboxes: number;
  };
  expect(found.sandboxes).toBeGreaterThan(0);
  expect(found.checks.map(({ what }) => what)).toContain('memory');
  expect(found.runtimes.some(({ startMs }) => startMs !== null && startMs > 0)).toBe(true);
  for (const { startMs, problem } of found.runtimes) expect(startMs === null).toBe(problem !== null);
  expect(await docker('ps', '-aq', '--filter', 'name=faultline-doctor')).toBe('');
});

it("crun works through set-up's wrapper, whichever hierarchies of control groups there are", async (context) => {
  const registered = await docker('info', '--format', '{{json .Runtimes.crun}}');
  if (!registered.includes('crun-hybrid')) context.skip();
  const { runtimes } = JSON.parse((await doctor()).stdout) as {
    runtimes: { runtime: string; problem: string | null }[];
  };
  expect(runtimes.find(({ runtime }) => runtime === 'crun')).toMatchObject({ problem: null });
});

it('doctor says plainly that no engine answers', async () => {
  await expect(doctor({ DOCKER_HOST: 'unix:///nowhere.sock' })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^no container engine answers at unix:\/\/\/nowhere\.sock/) as string,
  });
});
