import type { SandboxHandle } from '../../../src/sandbox/sandbox.ts';
import type { FakeContainer } from './fake-container.ts';

/** What the images of a fake host are, by their reference. Any other is there, with a shell. */
export const FAKE_IMAGES = {
  missing: 'fake/missing',
  broken: 'fake/broken',
  /** Without a shell. */
  bare: 'fake/bare',
} as const;

/** The network that a fake host has. */
export const FAKE_NETWORK = 'fake-network';

type Named = Pick<SandboxHandle, 'id'>;

/** The machine behind one or more fake engines: its containers outlive them. Its methods are an operator's deeds. */
export class FakeHost {
  readonly containers = new Map<string, FakeContainer>();
  #made = 0;

  newId(): string {
    this.#made += 1;
    return `fake-${String(this.#made)}`;
  }

  kill({ id }: Named): void {
    const container = this.#running(id);
    container.foreignKill = true;
    container.end('exited');
  }

  remove({ id }: Named): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    container.foreignKill ||= container.state === 'running';
    this.containers.delete(id);
    container.end('gone');
  }

  freeze({ id }: Named): void {
    const container = this.#running(id);
    container.frozen = true;
    container.pauses += 1;
  }

  thaw({ id }: Named): void {
    const container = this.#running(id);
    container.frozen = false;
    container.changed();
  }

  runs({ id }: Named): boolean {
    return this.containers.get(id)?.state === 'running';
  }

  #running(id: string): FakeContainer {
    const container = this.containers.get(id);
    if (container?.state !== 'running') throw new Error(`${id} does not run`);
    return container;
  }
}
