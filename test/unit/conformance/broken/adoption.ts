import type { SandboxEngine, SandboxHandle } from '../../../../src/sandbox/sandbox.ts';
import type { FakeEngine } from '../../support/fake-engine.ts';
import { adopted, breaks, fault, isCommand, otherwise, override, unused, type Breakage } from './alter.ts';

/** What makes `lost` of an adoption something else. */
const refusesOtherwise =
  (when: (engine: FakeEngine, handle: SandboxHandle) => boolean): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, {
      adopt: (handle) =>
        otherwise(engine.adopt(handle), ({ code }) =>
          code === 'lost' && when(engine, handle) ? fault('engine_error') : null,
        ),
    });

/** Numbers used before the adoption run again, for these commands. */
const startsAgain = (command: 'countOnGo' | 'fail'): Breakage['alter'] =>
  adopted((sandbox, { lastCall }) => ({
    run: (number, work, limits) =>
      sandbox.run(number <= lastCall && isCommand(work, command) ? unused(number) : number, work, limits),
  }));

export const BROKEN_ADOPTION: readonly Breakage[] = [
  breaks('adopt-running', 'starts a running call again', startsAgain('countOnGo')),
  breaks('adopt-ending', 'starts a call again whose ending nobody collected', startsAgain('fail')),
  breaks(
    'adopt-files',
    'loses a file at the adoption',
    adopted((_, { files }) => {
      files.delete('/tmp/mine');
      return {};
    }),
  ),
  breaks(
    'adopt-numbers',
    'begins to count anew',
    adopted(() => ({ lastCall: 1 })),
  ),
  breaks(
    'adopt-offers',
    'forgets what the image offered',
    adopted(() => ({ offers: { shell: null, python: null } })),
  ),
  breaks(
    'adopt-gone',
    'blames itself for a container that is gone',
    refusesOtherwise(({ host, removed }, { id }) => !host.containers.has(id) && !removed.includes(id)),
  ),
  breaks(
    'adopt-ended',
    'blames itself for a container that has exited',
    refusesOtherwise(({ host }, { id }) => host.containers.get(id)?.state === 'exited'),
  ),
  breaks('adopt-instance', 'takes any sandboxd that answers', (engine) =>
    override<SandboxEngine>(engine, { adopt: (handle) => engine.adopt({ ...handle, instance: null }) }),
  ),
];
