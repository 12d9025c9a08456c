/**
 * Identifies one sandbox, in the words of the engine that runs it: enough to find it again after a restart of the
 * controller. Journaled; holds no secret.
 */
export interface SandboxHandle {
  readonly engine: string;
  /** The engine's own id, such as a container id. */
  readonly id: string;
  /** sandboxd's instance; a different one behind the same id knows nothing of earlier calls. Null until ready. */
  readonly instance: string | null;
  readonly poolClass: string;
  /** User and group of the model's commands, where the sandbox policy says `own`: outputs show it. */
  readonly ownUser?: number;
}
