import type { SandboxEngine, SandboxHandle } from '../../../../src/sandbox/sandbox.ts';
import type { FakeEngine } from '../../support/fake-engine.ts';
import { breaks, callFaults, fault, override, type Breakage } from './alter.ts';

/** The list is otherwise. */
const lists =
  (
    change: (handles: readonly SandboxHandle[], engine: FakeEngine) => readonly SandboxHandle[],
  ): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, { list: async () => change(await engine.list(), engine) });

export const BROKEN_LISTING: readonly Breakage[] = [
  breaks(
    'list-handles',
    'lists without the pool class',
    lists((handles) => handles.map((handle) => ({ ...handle, poolClass: '' }))),
  ),
  breaks(
    'list-ended',
    'lists what runs',
    lists((handles, { host }) => handles.filter((handle) => host.runs(handle))),
  ),
  breaks(
    'list-earlier',
    'lists what it has started itself',
    lists((handles, { started }) => {
      const own = new Set(started.map(({ handle }) => handle.id));
      return handles.filter(({ id }) => own.has(id));
    }),
  ),
  breaks(
    'list-own',
    "lists other controllers' sandboxes",
    lists((_, { host }) =>
      [...host.containers.values()].map(({ id, instance, spec: { poolClass } }) => ({
        engine: 'fake',
        id,
        instance,
        poolClass,
      })),
    ),
  ),
  breaks(
    'remove-list',
    'lists what it has removed',
    lists((handles, { removed }) => [
      ...handles,
      ...removed.map((id) => ({ engine: 'fake', id, instance: null, poolClass: '' })),
    ]),
  ),
  breaks('remove-again', 'fails to remove what is gone', (engine) =>
    override<SandboxEngine>(engine, {
      remove: (handle, deadline) =>
        engine.host.containers.has(handle.id)
          ? engine.remove(handle, deadline)
          : Promise.reject(fault('engine_error')),
    }),
  ),
  breaks(
    'remove-running',
    'says that a call under way at its removal did not run',
    whileRemoving('no', (isRemoving) => ({ before: !isRemoving(), after: isRemoving })),
  ),
  breaks(
    'remove-later',
    'does not know whether a call given after its removal ran',
    whileRemoving('unknown', (isRemoving) => ({ before: isRemoving(), after: () => true })),
  ),
  breaks('remove-ends', 'lets a removed sandbox be adopted', (engine) =>
    override<SandboxEngine>(engine, {
      adopt: async (handle) => {
        const removed = engine.started.find(
          (sandbox) => sandbox.handle.id === handle.id && engine.removed.includes(handle.id),
        );
        return removed ?? (await engine.adopt(handle));
      },
    }),
  ),
];

/** Faults of calls in sandboxes that this engine was asked to remove. */
function whileRemoving(
  executed: 'no' | 'unknown',
  when: (isRemoving: () => boolean) => { before: boolean; after: () => boolean },
): Breakage['alter'] {
  return (engine) => {
    const removing = new Set<string>();
    const faults = callFaults(executed, ({ id }) => when(() => removing.has(id)))(engine);
    return override(faults, {
      remove: (handle, deadline) => {
        removing.add(handle.id);
        return engine.remove(handle, deadline);
      },
    });
  };
}
