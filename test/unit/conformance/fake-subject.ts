import type { EngineCapabilities, SandboxEngine } from '../../../src/sandbox/sandbox.ts';
import type { Connected, Subject } from '../../conformance/subject.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { FAKE_IMAGES, FAKE_NETWORK, FakeHost } from '../support/fake-host.ts';
import { IdleClock } from './idle-clock.ts';
import { FAKE_PROGRAMS } from './programs.ts';

/** Longer than any time limit of the suite. No time passes in it. */
const PATIENCE_MS = 100_000;
/** Longer than the suite's shortest deadline for a start. */
const START_MS = 20;

/** Makes something else of an engine, for one that keeps less than it promises. */
export type Alteration = (engine: FakeEngine) => SandboxEngine;

/** An operator's deed is done when the call returns. */
const done =
  <A extends readonly unknown[]>(deed: (...args: A) => void) =>
  (...args: A): Promise<void> => {
    deed(...args);
    return Promise.resolve();
  };

/** A host of its own behind each subject. */
export function fakeSubject(
  capabilities: EngineCapabilities,
  alter: Alteration = (engine) => engine,
): Subject {
  const host = new FakeHost();
  const clock = new IdleClock();
  const open = (controllerId: string): FakeEngine => {
    const engine = new FakeEngine({ clock, capabilities, host, controllerId, programs: FAKE_PROGRAMS });
    engine.startMs = START_MS;
    return engine;
  };
  const connect = (controllerId: string): Connected => {
    const engine = open(controllerId);
    return {
      engine: alter(engine),
      cut: done(() => engine.line.cut()),
      mend: done(() => engine.line.mend()),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  };
  return {
    engine: connect('own').engine,
    clock,
    patienceMs: PATIENCE_MS,
    images: {
      shell: 'fake/shell',
      withoutShell: FAKE_IMAGES.bare,
      missing: FAKE_IMAGES.missing,
      broken: FAKE_IMAGES.broken,
    },
    network: FAKE_NETWORK,
    operator: {
      kill: done((handle) => host.kill(handle)),
      remove: done((handle) => host.remove(handle)),
      freezing: {
        freeze: done((handle) => host.freeze(handle)),
        thaw: done((handle) => host.thaw(handle)),
      },
    },
    connect: (controller) => Promise.resolve(connect(controller)),
    settled: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
