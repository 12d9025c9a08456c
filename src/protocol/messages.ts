/**
 * What controller and sandboxd say to each other over the container's attached stdin and stdout.
 *
 * sandboxd is PID 1 of a sandbox. It speaks only after it was spoken to (`resume`), starts a call number at
 * most once in its life, and keeps each ending until it is acknowledged. What it reports of itself (wait
 * status, counters, clocks) is evidence; the bytes a command printed never are.
 *
 * The byte form is in `framing.ts` and `codec.ts`, and for the C side in `docker/sandboxd/README.md`.
 */

/** Names a call within one sandboxd instance. Chosen by the controller, never reused in the same sandbox. */
export type CallNumber = number;

/** Limits sandboxd itself keeps for one call. */
export interface CallLimits {
  /**
   * Wall time on sandboxd's clock, counted from the start of the command. Time in which others than the sandbox kept it
   * from the processors is added, at most `longestMs` in all.
   */
  readonly timeoutMs: number;
  /** Bytes kept per stream; the first half and the last half survive, the middle is counted and dropped. */
  readonly keepBytes: number;
  /** A call that writes more than this to one stream is ended with reason `output`. */
  readonly outputBytes: number;
}

/** As sandboxd's constants of these names. */
export const GRACE_TIMES = 10;
export const GRACE_MS = 120_000;

/** When sandboxd ends a command in any case, milliseconds after its start. */
export const longestMs = ({ timeoutMs }: CallLimits): number =>
  timeoutMs + Math.min(timeoutMs * GRACE_TIMES, GRACE_MS);

/** The work a `start` asks for. Paths and commands are opaque bytes to everybody but the sandbox. */
export type Work =
  /** A command line for the image's shell (`bash` where there is one, else `sh`); directory and exports persist. */
  | { readonly kind: 'shell'; readonly command: string }
  /** Code for the resident interpreter, started on first use. */
  | { readonly kind: 'python'; readonly code: string }
  /** A program without a shell: set-up commands and custom tools. `stdin` is given whole, then end of file. */
  | {
      readonly kind: 'exec';
      readonly argv: readonly string[];
      readonly env: readonly string[];
      readonly cwd: string | null;
      readonly stdin: Uint8Array;
    }
  /** Reads up to `length` bytes of a regular file from `offset`. `payload` of the ending holds them. */
  | { readonly kind: 'read-file'; readonly path: string; readonly offset: number; readonly length: number }
  /** Writes `data` at `offset`; at offset 0 the file is made (with missing parents) or truncated first. */
  | {
      readonly kind: 'write-file';
      readonly path: string;
      readonly offset: number;
      readonly data: Uint8Array;
      /** Permission bits for a file that is made, such as 0o644. */
      readonly mode: number;
    }
  /** Lists a folder down to `depth` levels, at most `limit` entries, sorted by path bytes. */
  | { readonly kind: 'list-files'; readonly path: string; readonly depth: number; readonly limit: number }
  /** Lines that match a POSIX extended regular expression in the regular text files below `path`. */
  | {
      readonly kind: 'search-files';
      readonly path: string;
      readonly pattern: string;
      /** File name pattern in the form of fnmatch(3), or null for all files. */
      readonly glob: string | null;
      readonly limit: number;
    }
  /** sandboxd's own binary in a mode that does nothing, as the model's user: can a process be started at all? */
  | { readonly kind: 'probe' };

export type Command =
  /** First word on every attachment; answered by `state`. Also ends whatever half-received frame came before. */
  | { readonly type: 'resume' }
  /** Starts a call. A number already seen is not started again; its present state is reported instead. */
  | { readonly type: 'start'; readonly call: CallNumber; readonly work: Work; readonly limits: CallLimits }
  /** The ending is durable here: forget it. Unknown numbers are ignored. */
  | { readonly type: 'acknowledge'; readonly call: CallNumber }
  /** Ends a running call's process tree; its ending then says `cancelled`. Unknown numbers are ignored. */
  | { readonly type: 'cancel'; readonly call: CallNumber };

/** Counters of the container's own cgroup and file system. -1 where a source is not there on this host, or no limit is set. */
export interface Counters {
  readonly oomKills: number;
  readonly memoryUsageBytes: number;
  readonly memoryPeakBytes: number;
  readonly memoryLimitBytes: number;
  readonly pidsCurrent: number;
  readonly pidsLimit: number;
  readonly pidsLimitHits: number;
  readonly cpuUsageUs: number;
  readonly cpuThrottledUs: number;
  readonly cpuThrottledPeriods: number;
  readonly rootFreeBytes: number;
  readonly rootFreeInodes: number;
}

/** One output stream of a call. */
export interface StreamRecord {
  /** The stream's beginning. Holds everything where `totalBytes` equals its length. */
  readonly head: Uint8Array;
  /** The stream's end, where something between was dropped; else empty. */
  readonly tail: Uint8Array;
  readonly totalBytes: number;
  /** SHA-256 of the whole stream, dropped bytes included. 32 bytes. */
  readonly sha256: Uint8Array;
}

/**
 * Why sandboxd itself ended a call's processes. `none`: it did not. `starved`: the limit had been extended as far as it
 * goes, and still the command had not had its time, because others than this sandbox had the processors.
 */
export type KillReason = 'none' | 'timeout' | 'output' | 'cancelled' | 'starved';

/** How far the killing had to go. `everything`: all but PID 1, so interpreter and background work are lost too. */
export type KillReach = 'none' | 'tree' | 'everything';

/** What happened to the resident interpreter in a python call. */
export type InterpreterFate =
  /** Not a python call, or it lives on with its state. */
  | 'kept'
  /** It died or was ended during this call; the next call gets a fresh one. */
  | 'lost'
  /** It had been lost between calls (killed, stopped), so this call ran in a fresh one: earlier state is gone. */
  | 'replaced';

export interface Ending {
  readonly type: 'exited';
  readonly call: CallNumber;
  /**
   * As wait(2) gave it to sandboxd. For file work that of the worker: 0 unless something killed it; for python the
   * interpreter's own, or 0 where it lives on.
   */
  readonly waitStatus: number;
  readonly killReason: KillReason;
  readonly killReach: KillReach;
  readonly interpreter: InterpreterFate;
  /** The interpreter says that the code ended in an exception. Untrusted: shapes the reply, judges nothing. */
  readonly raised: boolean;
  /**
   * 0, or why file work failed, from the child that did it with the model's rights. EISDIR: a folder; EINVAL: neither
   * file nor folder; EBADMSG: no regular expression; EINTR: the child was killed.
   */
  readonly errno: number;
  /** CLOCK_BOOTTIME of the host, milliseconds. */
  readonly startedAtMs: number;
  readonly exitedAtMs: number;
  /** Of a call that reached its limit: milliseconds in which the command was ready to run and others had the processors. */
  readonly starvedMs: number;
  readonly stdout: StreamRecord;
  readonly stderr: StreamRecord;
  /** File bytes, listing, matches, or the interpreter's rich results as JSON. Written by the model's rights. */
  readonly payload: Uint8Array;
  readonly before: Counters;
  readonly after: Counters;
}

/** The command never ran. Nothing but a clean-up is needed before the same work may be started under a new number. */
export interface StartFailure {
  readonly type: 'start-failed';
  readonly call: CallNumber;
  /**
   * As fork or exec gave it. Of sandboxd itself: EINVAL, the work was malformed (a NUL in a string, no program);
   * ENOBUFS, too many calls run or wait for their acknowledgement; EBUSY, the interpreter is busy; EINTR, the model
   * killed sandboxd's helper before it had started anything.
   */
  readonly errno: number;
  /** `fork`: no process to be had; `exec`: the program (shell, interpreter) is missing or broken. */
  readonly stage: 'fork' | 'exec';
  /** sandboxd freed the process table by ending everything but itself: interpreter and background work are lost. */
  readonly killReach: KillReach;
  readonly before: Counters;
  readonly after: Counters;
}

export type Report =
  | {
      readonly type: 'state';
      /** Set at sandboxd's start from getrandom(2), 16 bytes in hex. Another instance knows nothing of earlier calls. */
      readonly instance: string;
      /** Digest of sandboxd and interpreter driver, as built. */
      readonly version: string;
      /** Absolute path of the shell found when the sandbox became ready, or null: then the image has none. */
      readonly shell: string | null;
      /** Absolute path of python3 found when the sandbox became ready, or null. */
      readonly python: string | null;
      /** CLOCK_BOOTTIME of the host now, milliseconds. */
      readonly nowMs: number;
      /** Calls that are running. Kept endings follow this message, each as its own report. */
      readonly running: readonly CallNumber[];
      /** The highest call number ever accepted, 0 for none. A higher one was never seen. */
      readonly lastCall: CallNumber;
      /** Frames that were refused: broken, of another instance, or of a number seen before. */
      readonly refusedFrames: number;
      readonly counters: Counters;
    }
  | {
      readonly type: 'started';
      readonly call: CallNumber;
      readonly pid: number;
      readonly startedAtMs: number;
    }
  | StartFailure
  | Ending
  /** Asked to start a number it has seen, whose ending was acknowledged and forgotten. */
  | { readonly type: 'forgotten'; readonly call: CallNumber };
