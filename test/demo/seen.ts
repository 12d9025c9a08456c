/** The output and the ending of one command. */
export interface Seen {
  readonly stdout: string;
  readonly stderr: string;
  /** As a shell reports it: 128 + n if signal n ended the command. Null: it was still running at the time limit. */
  readonly exitCode: number | null;
}
