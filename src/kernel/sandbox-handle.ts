/**
 * Identifies one sandbox by its engine and the engine's id, so that the controller finds it again after a restart.
 * Journaled; contains no secret.
 */
export interface SandboxHandle {
  readonly engine: string;
  /** The engine's own id, such as a container id. */
  readonly id: string;
  /** sandboxd's instance id. Another instance under the same id has no record of earlier calls. Null until ready. */
  readonly instance: string | null;
  readonly poolClass: string;
  /** User and group of the model's commands, if the sandbox policy says `own`. Kept because outputs show it. */
  readonly ownUser?: number;
}
