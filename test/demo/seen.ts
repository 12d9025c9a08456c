/** What one command printed and how it ended, as seen by whoever ran it. */
export interface Seen {
  readonly stdout: string;
  readonly stderr: string;
  /** As a shell would report it: 128 + n where signal n ended the command. Null: it was still running at the limit. */
  readonly exitCode: number | null;
}
