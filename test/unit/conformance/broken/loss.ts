import { SandboxFault, type Sandbox } from '../../../../src/sandbox/sandbox.ts';
import type { FakeContainer } from '../../support/fake-container.ts';
import { breaks, callFaults, started, type Breakage } from './alter.ts';

const NEVER = new Promise<never>(() => undefined);

/** A loss of this kind is not noticed. */
const misses = (state: FakeContainer['state']): Breakage['alter'] =>
  started(() => ({ lost }, container) => ({
    lost: lost.then((fault) => (container.state === state ? NEVER : fault)),
  }));

/** A call fails with `lost` though it was answered. */
const losesCalls =
  (isCut: () => boolean) =>
  (sandbox: Sandbox): Partial<Sandbox> => ({
    run: async (...call) => {
      const report = await sandbox.run(...call);
      if (isCut()) throw new SandboxFault('lost', 'the stream broke', { executed: 'unknown' });
      return report;
    },
  });

export const BROKEN_LOSS: readonly Breakage[] = [
  breaks('lost-killed', 'does not notice a container that has exited', misses('exited')),
  breaks('lost-removed', 'does not notice a container that is gone', misses('gone')),
  breaks(
    'lost-running',
    'says that a call under way at a loss did not run',
    callFaults('no', (container) => ({
      before: container.state === 'running',
      after: () => container.foreignKill,
    })),
  ),
  breaks(
    'lost-later',
    'does not know whether a call given after a loss ran',
    callFaults('unknown', (container) => ({ before: container.foreignKill, after: () => true })),
  ),
  breaks(
    'lost-not-by-detach',
    'takes a detachment for a loss',
    started(() => (sandbox) => {
      const lost = Promise.withResolvers<SandboxFault>();
      void sandbox.lost.then(lost.resolve);
      return {
        lost: lost.promise,
        detach: () => {
          sandbox.detach();
          lost.resolve(new SandboxFault('lost', 'detached'));
        },
      };
    }),
  ),
  breaks(
    'lost-not-by-line',
    'takes a broken stream for a loss',
    started((engine) => losesCalls(() => engine.line.disturbed)),
  ),
];
