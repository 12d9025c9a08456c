/**
 * Stands for a value of a request that the model wrote and that was not read: it is too large, not JSON, or not UTF-8.
 * The rest of the request is well-formed, so the mistake is the model's.
 */
export class UnreadValue {
  /** Completes "the arguments are …"; shown to the model. */
  readonly problem: string;
  /** SHA-256 (hex) of the value's bytes, by which a repeated request is recognised. */
  readonly sha256: string;

  constructor(problem: string, sha256: string) {
    this.problem = problem;
    this.sha256 = sha256;
  }
}
