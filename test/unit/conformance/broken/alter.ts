import type { CallLimits, CallNumber, Ending, Work } from '../../../../src/protocol/messages.ts';
import {
  SandboxFault,
  type CallReport,
  type Sandbox,
  type SandboxEngine,
  type SandboxSpec,
} from '../../../../src/sandbox/sandbox.ts';
import { COMMANDS, type CommandName } from '../../../conformance/commands.ts';
import type { FakeContainer } from '../../support/fake-container.ts';
import type { FakeEngine } from '../../support/fake-engine.ts';

/** Tools for breaking one promise of a fake engine and no other. */

/** How one promise is broken. */
export interface Breakage {
  /** Of the promise that it breaks, and no other. */
  readonly promise: string;
  /** What the engine does wrong. */
  readonly how: string;
  /** Whether the engine declares everything, or as little as it may. */
  readonly declares: 'everything' | 'nothing';
  readonly alter: (engine: FakeEngine) => SandboxEngine;
}

/** A breakage of an engine that declares everything. */
export const breaks = (promise: string, how: string, alter: Breakage['alter']): Breakage => ({
  promise,
  how,
  declares: 'everything',
  alter,
});

/** A breakage of one that declares nothing. */
export const breaksBare = (promise: string, how: string, alter: Breakage['alter']): Breakage => ({
  ...breaks(promise, how, alter),
  declares: 'nothing',
});

/** The same object but for these members. */
export function override<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get: (_, key) => {
      const from = Object.hasOwn(changes, key) ? changes : target;
      const value: unknown = Reflect.get(from, key, from);
      return typeof value === 'function' ? (value as () => unknown).bind(from) : value;
    },
  });
}

type Change = (sandbox: Sandbox, container: FakeContainer, spec: SandboxSpec) => Partial<Sandbox>;

function containerOf(engine: FakeEngine, { handle }: Sandbox): FakeContainer {
  const container = engine.host.containers.get(handle.id);
  if (container === undefined) throw new Error(`no container ${handle.id}`);
  return container;
}

function changed(engine: FakeEngine, sandbox: Sandbox, change: Change): Sandbox {
  const container = containerOf(engine, sandbox);
  return override(sandbox, change(sandbox, container, container.spec));
}

/** Sandboxes that `start` hands out are otherwise. */
export const started =
  (change: (engine: FakeEngine) => Change): Breakage['alter'] =>
  (engine) => {
    const changing = change(engine);
    return override<SandboxEngine>(engine, {
      start: async (spec, deadline) => changed(engine, await engine.start(spec, deadline), changing),
    });
  };

/** Sandboxes that `adopt` hands out are otherwise. */
export const adopted =
  (change: Change): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, {
      adopt: async (handle) => changed(engine, await engine.adopt(handle), change),
    });

/** Both are. */
export const anySandbox =
  (change: Change): Breakage['alter'] =>
  (engine) =>
    override<SandboxEngine>(engine, {
      start: async (spec, deadline) => changed(engine, await engine.start(spec, deadline), change),
      adopt: async (handle) => changed(engine, await engine.adopt(handle), change),
    });

/** Endings of calls are otherwise. */
export const endings = (
  change: (ending: CallReport & Ending, container: FakeContainer) => Partial<CallReport & Ending>,
) =>
  anySandbox((sandbox, container) => ({
    run: async (...call) => {
      const report = await sandbox.run(...call);
      return report.type === 'exited' ? { ...report, ...change(report, container) } : report;
    },
  }));

/** Endings of one command of the suite are otherwise. */
export const endingsOf = (
  command: CommandName,
  change: (ending: CallReport & Ending, container: FakeContainer) => Partial<CallReport & Ending>,
) =>
  anySandbox((sandbox, container) => ({
    run: async (number, work, limits) => {
      const report = await sandbox.run(number, work, limits);
      return report.type === 'exited' && isCommand(work, command)
        ? { ...report, ...change(report, container) }
        : report;
    },
  }));

export const isCommand = (work: Work, command: CommandName): boolean =>
  work.kind === 'shell' && work.command === COMMANDS[command];

/** What a command printed on stdout, replaced. */
export const prints = ({ stdout }: Ending, text: string): Pick<Ending, 'stdout'> => ({
  stdout: { ...stdout, head: Buffer.from(text) },
});

/** A number that no caller gives. */
export const unused = (number: CallNumber): CallNumber => number + 1_000_000;

/** Faults of calls are otherwise where `when` holds; it is asked once before the call and once after it has failed. */
export const callFaults =
  (
    executed: SandboxFault['executed'],
    when: (container: FakeContainer, engine: FakeEngine) => { before: boolean; after: () => boolean },
  ) =>
  (engine: FakeEngine): SandboxEngine =>
    started(() => (sandbox, container) => ({
      run: async (number: CallNumber, work: Work, limits: CallLimits) => {
        const { before, after } = when(container, engine);
        try {
          return await sandbox.run(number, work, limits);
        } catch (error) {
          if (!(error instanceof SandboxFault) || !before || !after()) throw error;
          throw new SandboxFault(error.code, error.message, { executed });
        }
      },
    }))(engine);

/** A promise is rejected with this instead of another fault. */
export async function otherwise<T>(
  promise: Promise<T>,
  change: (fault: SandboxFault) => SandboxFault | null,
): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw (error instanceof SandboxFault ? change(error) : null) ?? error;
  }
}

export const fault = (code: SandboxFault['code']): SandboxFault =>
  new SandboxFault(code, 'broken on purpose');
