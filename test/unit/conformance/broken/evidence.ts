import type { EngineInfo, PostMortem, SandboxEngine } from '../../../../src/sandbox/sandbox.ts';
import type { FakeEngine } from '../../support/fake-engine.ts';
import { breaks, breaksBare, endings, fault, otherwise, override, type Breakage } from './alter.ts';

/** What is said of a sandbox is otherwise. */
const examines =
  (change: (seen: PostMortem, engine: FakeEngine, id: string) => Partial<PostMortem>): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, {
      postMortem: async (handle) => {
        const seen = await engine.postMortem(handle);
        return { ...seen, ...change(seen, engine, handle.id) };
      },
    });

/** Whether somebody else ended a container is told so, where it has this state. */
const says = (foreignKill: boolean, state: PostMortem['container']): Breakage['alter'] =>
  examines(({ container }, { removed }, id) =>
    container === state && !removed.includes(id) ? { foreignKill } : {},
  );

/** The engine's own answers are otherwise. */
const answers =
  (change: (engine: FakeEngine) => Partial<SandboxEngine>): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, change(engine));

const INFO: EngineInfo = { version: '1', runtime: 'fake', cgroupVersion: 2 };

export const BROKEN_EVIDENCE: readonly Breakage[] = [
  breaks(
    'evidence-window',
    'reads counters from the life of the sandbox, not of the call',
    endings(({ before }) => ({ before: { ...before, oomKills: 0 } })),
  ),
  breaks(
    'evidence-paused',
    'does not say that a sandbox was frozen',
    endings(() => ({ paused: false })),
  ),
  breaksBare(
    'evidence-paused',
    'guesses that a sandbox was frozen',
    endings((_, { pauses }) => ({ paused: pauses > 0 })),
  ),
  breaks(
    'post-mortem-running',
    'says that it could not ask, though it did',
    examines(({ container }) => ({ evidenceGap: container === 'running' })),
  ),
  breaks('post-mortem-killed', 'does not see a foreign kill', says(false, 'exited')),
  breaksBare('post-mortem-killed', 'guesses a foreign kill', says(true, 'exited')),
  breaks('post-mortem-removed', 'does not see a foreign removal', says(false, 'gone')),
  breaksBare('post-mortem-removed', 'guesses a foreign removal', says(true, 'gone')),
  breaks(
    'post-mortem-own',
    'takes its own removal for a foreign kill',
    examines((_, { removed }, id) => (removed.includes(id) ? { foreignKill: true } : {})),
  ),
  breaks(
    'post-mortem-paused',
    'does not see a freeze',
    examines(() => ({ foreignPause: false })),
  ),
  breaksBare(
    'post-mortem-paused',
    'guesses a freeze',
    examines((_, { host }, id) => ({ foreignPause: (host.containers.get(id)?.pauses ?? 0) > 0 })),
  ),
  breaks('post-mortem-unreachable', 'fails where nothing can be asked', (engine) =>
    override<SandboxEngine>(engine, {
      postMortem: (handle) =>
        engine.line.isCut ? Promise.reject(fault('engine_down')) : engine.postMortem(handle),
    }),
  ),
  breaks(
    'ping',
    'has no version',
    answers((engine) => ({ ping: async () => ({ ...(await engine.ping()), version: '' }) })),
  ),
  breaks(
    'down-ping',
    'remembers an earlier answer',
    answers((engine) => ({ ping: () => engine.ping().catch(() => INFO) })),
  ),
  breaks(
    'down-start',
    'takes silence for a refusal',
    answers((engine) => ({
      start: (spec, deadline) =>
        otherwise(engine.start(spec, deadline), ({ code }) =>
          code === 'engine_down' ? fault('engine_error') : null,
        ),
    })),
  ),
  breaks(
    'down-list',
    'lists nothing where nothing can be asked',
    answers((engine) => ({ list: () => engine.list().catch(() => []) })),
  ),
  breaks(
    'down-adopt',
    'takes a sandbox that cannot be reached for lost',
    answers((engine) => ({
      adopt: (handle) =>
        otherwise(engine.adopt(handle), ({ code }) => (code === 'engine_down' ? fault('lost') : null)),
    })),
  ),
  breaks(
    'down-remove',
    'takes what cannot be reached for removed',
    answers((engine) => ({
      remove: (handle, deadline) => (engine.line.isCut ? Promise.resolve() : engine.remove(handle, deadline)),
    })),
  ),
];
