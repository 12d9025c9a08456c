import type { Clock } from '../../src/kernel/clock.ts';
import type { SandboxEngine, SandboxHandle } from '../../src/sandbox/sandbox.ts';

/** An engine as the suite takes it, with what stands behind it. */
export interface Subject extends AsyncDisposable {
  readonly engine: SandboxEngine;
  readonly clock: Clock;
  /** How long one promise may take. Beyond that it is broken. */
  readonly patienceMs: number;
  readonly images: {
    /** With a shell and the programs of `commands.ts`. */
    readonly shell: string;
    readonly withoutShell: string;
    readonly missing: string;
    /** One in which no sandbox can be started, whatever the engine does. */
    readonly broken: string;
  };
  /** A network of the engine's with an interface of its own; used where the engine declares networks. */
  readonly network: string;
  readonly operator: Operator;

  /**
   * Another engine on the same backend: `own` as after a restart of this controller, `other` for another controller.
   */
  connect(controller: 'own' | 'other'): Promise<Connected>;

  /** Resolves once nothing that the engine does off its callers' paths is left to do. */
  settled(): Promise<void>;
}

export interface Connected extends AsyncDisposable {
  readonly engine: SandboxEngine;
  /** Breaks the way between this engine and its backend, attachments included, until `mend`. */
  cut(): Promise<unknown>;
  mend(): Promise<unknown>;
}

/** Somebody with access to the backend, who tells the engine nothing. */
export interface Operator {
  kill(handle: SandboxHandle): Promise<unknown>;
  /** Idempotent. */
  remove(handle: SandboxHandle): Promise<unknown>;
  /** Null where nobody can freeze a sandbox. */
  readonly freezing: {
    freeze(handle: SandboxHandle): Promise<unknown>;
    thaw(handle: SandboxHandle): Promise<unknown>;
  } | null;
}
