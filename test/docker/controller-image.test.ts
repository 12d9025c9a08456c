import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InfraError } from '../../src/client/client.ts';
import { ControllerContainer } from './support/controller-container.ts';
import { docker } from './support/docker.ts';

/** The controller's image in a container as docker/compose.yaml describes it. */

let controller: ControllerContainer;
beforeAll(async () => {
  controller = await ControllerContainer.start();
});
afterAll(async () => {
  await controller[Symbol.asyncDispose]();
});

const shell = async (rollout: string, command: string): Promise<string> =>
  (await controller.client.rollout(rollout).call('shell', { command })).output;

describe("the controller's image", () => {
  it('serves a tool call from a sandbox in the engine whose socket is mounted', async () => {
    expect(await shell('first', 'echo 1 > /tmp/state; cat /tmp/state')).toBe('1\n');
    const sandboxes = await controller.sandboxes();
    expect(sandboxes.length).toBeGreaterThan(0);
    expect(sandboxes).not.toContain(controller.id);
  });

  it('has no more rights than it needs', async () => {
    const status = await controller.run('cat', '/proc/1/status');
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    await expect(controller.run('touch', '/app/src/main.ts')).rejects.toThrow('Read-only file system');
    const ports = await docker('port', controller.id);
    expect(ports).toMatch(/^8080\/tcp -> 127\.0\.0\.1:\d+$/);
  });

  it('reads the processor time of its sandboxes in the host’s control groups', async () => {
    const [sandbox] = await controller.sandboxes();
    const script = `
      import { findCgroupPaths } from '/app/src/sandbox/docker/cgroup-paths.ts';
      import { processorUs } from '/app/src/sandbox/docker/sandbox-use.ts';
      const id = '${String(sandbox)}';
      const paths = await findCgroupPaths(id, 0);
      console.log(paths === null ? 'no paths' : await processorUs(paths, id));`;
    expect(await controller.run('node', '--input-type=module', '-e', script)).toMatch(/^[1-9]/);
  });

  it('has the command line, which finds the engine', async () => {
    const doctor = await controller.run('node', 'src/cli/faultline.ts', 'doctor', '--json');
    const { runtimes } = JSON.parse(doctor) as { runtimes: { problem: string | null }[] };
    expect(runtimes.some(({ problem }) => problem === null)).toBe(true);
  });

  it('continues its rollouts after a crash, with the same sandboxes and the same journal', async () => {
    await shell('crashed', 'echo 2 > /tmp/state');
    const before = await controller.sandboxes();
    await controller.crash();
    expect(await shell('crashed', 'cat /tmp/state')).toBe('2\n');
    expect(await controller.sandboxes()).toEqual(expect.arrayContaining(before));
    expect(await controller.client.rollout('crashed').verdict()).toMatchObject({
      verdict: 'valid',
      recovered: null,
      counts: { calls: 2, ok: 2 },
    });
  });

  it('stops within its grace period, leaves no sandbox and blames no model for it', async () => {
    await shell('stopped', 'true');
    expect(await controller.stop()).toBe(0);
    expect(await controller.sandboxes()).toEqual([]);
    await docker('start', controller.id);
    await expect(shell('stopped', 'true')).rejects.toThrow(InfraError);
    expect(await controller.client.rollout('stopped').verdict()).toMatchObject({
      verdict: 'exclude',
      counts: { calls: 2, ok: 1, infra: 1, model: 0 },
    });
  });
});

it('continues its rollouts after a restart that keeps the sandboxes', async () => {
  await using keeping = await ControllerContainer.start({ FAULTLINE_ON_STOP: 'keep' });
  const rollout = keeping.client.rollout('kept');
  await rollout.call('shell', { command: 'echo 3 > /tmp/state' });
  const before = await keeping.sandboxes();
  await keeping.restart();
  expect((await rollout.call('shell', { command: 'cat /tmp/state' })).output).toBe('3\n');
  expect(await keeping.sandboxes()).toEqual(expect.arrayContaining(before));
  expect(await rollout.verdict()).toMatchObject({ verdict: 'valid', recovered: null });
});
