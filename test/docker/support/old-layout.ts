import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { docker } from './docker.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FIXTURE = join(ROOT, 'test/fixtures/0.1.0');

/** A volume as version 0.1.0 filled it: the in-sandbox process under the name that it had then. */
export class OldVolume implements AsyncDisposable {
  readonly name = `faultline-agent-${randomBytes(8).toString('hex')}`;
  readonly #filler = `faultline-fill-${randomBytes(8).toString('hex')}`;

  /** Until `release` a container holds it: any server on this engine removes one that nobody uses. */
  static async fill(): Promise<OldVolume> {
    const volume = new OldVolume();
    const folder = mkdtempSync(join(tmpdir(), 'faultline-old-volume-'));
    mkdirSync(join(folder, 'files'));
    mkdirSync(join(folder, 'empty'));
    copyFileSync(join(ROOT, 'docker/sandboxd/build/sandboxd'), join(folder, 'files/agent'));
    copyFileSync(join(ROOT, 'docker/interpreter/interpreter.py'), join(folder, 'files/interpreter.py'));
    chmodSync(join(folder, 'files/agent'), 0o555);
    chmodSync(join(folder, 'files/interpreter.py'), 0o444);
    const mount = `${volume.name}:/volume`;
    await docker('create', '--name', volume.#filler, '-v', mount, 'faultline/busybox', 'true');
    await docker('cp', `${folder}/.`, `${volume.#filler}:/volume`);
    rmSync(folder, { recursive: true });
    return volume;
  }

  /** A sandbox as 0.1.0 started it, from its recorded request. @returns the container's id */
  async start(controllerId: string): Promise<string> {
    const mountpoint = await docker('volume', 'inspect', '-f', '{{.Mountpoint}}', this.name);
    const seccomp = readFileSync(join(ROOT, 'policies/seccomp/sandbox.json'), 'utf8');
    const words = { CONTROLLER: controllerId, VOLUME: mountpoint, SECCOMP: seccomp, RUNTIME: 'runc' };
    const recorded = readFileSync(join(FIXTURE, 'create.json'), 'utf8');
    const request = recorded.replaceAll(/CONTROLLER|VOLUME|SECCOMP|RUNTIME/g, (word) =>
      JSON.stringify(words[word as keyof typeof words]).slice(1, -1),
    );
    const name = `faultline-${controllerId}-${randomBytes(8).toString('hex')}`;
    const options = { name, ...(JSON.parse(request) as Docker.ContainerCreateOptions) };
    const container = await new Docker().createContainer(options);
    await container.start();
    return container.id;
  }

  async release(): Promise<void> {
    await docker('rm', '-f', this.#filler);
  }

  async exists(): Promise<boolean> {
    return (await docker('volume', 'ls', '-q', '--filter', `name=${this.name}`)) !== '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => null);
    if (await this.exists()) await docker('volume', 'rm', this.name);
  }
}

/**
 * What 0.1.0 had journaled of the rollout `r-interrupted` when it was killed in the middle of the call `c2`, as if that
 * had been now and in this sandbox.
 */
export function oldJournal(sandbox: { readonly id: string; readonly instance: string }): string {
  const folder = join(FIXTURE, 'journal');
  const files = readdirSync(folder).toSorted();
  const lines = files.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'));
  const all = lines.filter((line) => line.includes('"rollout":"r-interrupted"'));
  const killed = all.findLastIndex((line) => line.includes('"type":"call_intended"'));
  const before = all.slice(0, killed + 1).join('\n');
  const { handle } = JSON.parse(all.find((line) => line.includes('"sandbox_claimed"')) ?? '') as {
    handle: typeof sandbox;
  };
  return `${before}\n`
    .replaceAll(/"at":"[^"]*"/g, `"at":"${new Date().toISOString()}"`)
    .replaceAll(handle.id, sandbox.id)
    .replaceAll(handle.instance, sandbox.instance);
}
