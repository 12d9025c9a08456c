import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { vi } from 'vitest';
import { systemClock as clock } from '../../../src/kernel/clock.ts';
import { Deadline } from '../../../src/kernel/deadline.ts';
import { DockerEngine } from '../../../src/sandbox/docker/docker-engine.ts';
import type { DockerEngineOptions } from '../../../src/sandbox/docker/engine-options.ts';
import { Egress } from '../../../src/sandbox/egress/egress.ts';
import { egressOf } from '../../../src/sandbox/egress/rules.ts';
import { EGRESS, specOf } from '../../conformance/spec.ts';
import type { Connected, Subject } from '../../conformance/subject.ts';
import { docker } from './docker.ts';
import { EngineLine } from './engine-line.ts';

const SHELL_IMAGE = 'faultline/busybox';
const SWEPT_MS = 30_000;

export const noLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Another build of sandboxd may be tried without installing it. */
const folder = process.env['FAULTLINE_SANDBOXD_FOLDER'];
const sandboxd =
  folder === undefined
    ? {}
    : { sandboxd: { sandboxd: `${folder}/sandboxd`, interpreter: `${folder}/interpreter.py` } };

/** The machine's engine. */
export function connectDocker(
  options: Pick<DockerEngineOptions, 'controllerId' | 'dockerHost' | 'egress'>,
): Promise<DockerEngine> {
  return DockerEngine.connect({ clock, log: noLog, ...sandboxd, ...options });
}

/**
 * The machine's Docker for the conformance suite.
 *
 * @param egress Whether the engine has a proxy for policies that list hosts.
 */
export async function dockerSubject({ egress: withEgress }: { egress: boolean }): Promise<Subject> {
  const controllerId = `conformance-${String(process.pid)}`;
  await using opened = new AsyncDisposableStack();
  const broken = opened.use(await brokenImage(controllerId));
  const egress = withEgress ? { egress: opened.use(await egressProxy()).proxy } : {};
  const engine = opened.use(await connectDocker({ controllerId, ...egress }));
  const settled = async (): Promise<void> => {
    await vi.waitUntil(() => engine.abandoned === 0, { timeout: SWEPT_MS });
  };
  opened.defer(async () => {
    await settled();
    const left = await engine.list(Deadline.after(clock, 'engine_request', SWEPT_MS));
    assert.deepEqual(left, [], 'sandboxes left by the suite');
  });
  const all = opened.move();
  return {
    engine,
    clock,
    patienceMs: 60_000,
    images: {
      shell: SHELL_IMAGE,
      withoutShell: 'faultline/empty',
      missing: 'faultline/no-such-image',
      broken: broken.name,
    },
    network: 'bridge',
    operator: {
      kill: ({ id }) => docker('kill', id),
      remove: ({ id }) => docker('rm', '-fv', id),
      freezing: {
        freeze: ({ id }) => docker('pause', id),
        thaw: ({ id }) => docker('unpause', id),
      },
    },
    connect: (controller) => overLine(controller === 'own' ? controllerId : `${controllerId}-other`),
    settled,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function overLine(controllerId: string): Promise<Connected> {
  const line = await EngineLine.open();
  const engine = await connectDocker({ controllerId, dockerHost: line.address });
  const dispose = async (): Promise<void> => {
    await line.mend();
    await engine[Symbol.asyncDispose]();
    await line[Symbol.asyncDispose]();
  };
  return { engine, cut: () => line.cut(), mend: () => line.mend(), [Symbol.asyncDispose]: dispose };
}

async function egressProxy(): Promise<AsyncDisposable & { readonly proxy: Egress }> {
  // Short, since sockets are in it.
  const folder = `/run/faultline/c${String(process.pid)}`;
  const proxy = new Egress({ folder, nameServers: [], clock, log: noLog });
  const rules = egressOf(specOf(SHELL_IMAGE, { network: EGRESS }).policy);
  assert(rules !== null);
  await proxy.allow([rules]);
  const dispose = async (): Promise<void> => {
    await proxy[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  };
  return { proxy, [Symbol.asyncDispose]: dispose };
}

/** An image whose working directory is a file. */
async function brokenImage(tag: string): Promise<AsyncDisposable & { readonly name: string }> {
  const name = `faultline-${tag}:broken`;
  const seed = await docker('create', SHELL_IMAGE);
  await docker('commit', '-c', 'WORKDIR /bin/busybox', seed, name);
  await docker('rm', seed);
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      await docker('rmi', name);
    },
  };
}
