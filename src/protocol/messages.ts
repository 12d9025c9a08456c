/**
 * The messages between controller and sandboxd, sent over the container's attached stdin and stdout.
 *
 * sandboxd is PID 1 of a sandbox. It sends nothing before the first `resume`, starts a call number at most once in its
 * life, and keeps each ending until it is acknowledged. Its own observations (wait status, counters, clocks) are evidence;
 * the bytes that a command printed never are.
 *
 * `docker/sandboxd/README.md` describes the byte form.
 */

/** Names a call within one sandboxd instance. Chosen by the controller, never reused in the same sandbox. */
export type CallNumber = number;

/** Limits of one call that sandboxd enforces. */
export interface CallLimits {
  /**
   * Time on sandboxd's clock from the start of the command. Time in which processes outside the sandbox kept it from the
   * processors is added, up to `latestEndMs` in all.
   */
  readonly timeoutMs: number;
  /**
   * A command that is starved when its extension is used up goes on once more, up to this time from its start. Absent, or
   * not more than the extension: it is ended.
   */
  readonly longestMs?: number;
  /** Bytes kept per stream: one half from its beginning, one from its end. What is between is counted and dropped. */
  readonly keepBytes: number;
  /** A call that writes more than this to one stream is ended with reason `output`. */
  readonly outputBytes: number;
}

/** As in `docker/sandboxd/protocol.h`. */
export const GRACE_TIMES = 10;
export const GRACE_MS = 120_000;

/** The longest that sandboxd lets a command run, from its start. */
export const latestEndMs = ({ timeoutMs, longestMs = 0 }: CallLimits): number =>
  Math.max(timeoutMs + Math.min(timeoutMs * GRACE_TIMES, GRACE_MS), longestMs);

/** The work that a `start` asks for. Only the sandbox interprets paths and commands. */
export type Work =
  /** A command line for the image's shell (`bash` where there is one, else `sh`); directory and exports persist. */
  | { readonly kind: 'shell'; readonly command: string }
  /** Code for the resident interpreter, started on first use. */
  | { readonly kind: 'python'; readonly code: string }
  /** A program without a shell: set-up commands and custom tools. Its standard input is `stdin`, then end of file. */
  | {
      readonly kind: 'exec';
      readonly argv: readonly string[];
      readonly env: readonly string[];
      readonly cwd: string | null;
      readonly stdin: Uint8Array;
    }
  /** Reads up to `length` bytes of a regular file from `offset`, into the ending's `payload`. */
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
  /** sandboxd's own binary in a mode that does nothing, as the model's user. Shows whether a process can be started. */
  | { readonly kind: 'probe' };

export type Command =
  /** The first command of every attachment; answered by `state`. */
  | { readonly type: 'resume' }
  /** Starts a call. A number that was seen before is not started again: its present state is reported. */
  | { readonly type: 'start'; readonly call: CallNumber; readonly work: Work; readonly limits: CallLimits }
  /** The controller has stored the ending; sandboxd drops it. Unknown numbers are ignored. */
  | { readonly type: 'acknowledge'; readonly call: CallNumber }
  /** Ends the processes of a running call; its ending then has `cancelled`. Unknown numbers are ignored. */
  | { readonly type: 'cancel'; readonly call: CallNumber };

/** Counters of the container's own cgroup and root file system. -1: not available on this host, or no limit is set. */
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
  /**
   * How often a limit of the sandbox's own control group refused memory. cgroup v2: `oom` of memory.events; v1: the failcnt
   * of memory and of memory with swap together, which Linux 6.18 leaves at 0. Absent: a sandboxd of 0.1.0, unknown.
   */
  readonly memoryLimitHits?: number;
  /** The most memory that the sandbox ever had, with what it had in swap where a limit covers both. */
  readonly memoryReachedBytes?: number;
  /** The most processes that the sandbox ever had. Absent: unknown, as above. */
  readonly pidsPeak?: number;
}

/** One output stream of a call. */
export interface StreamRecord {
  /** The stream's beginning. Holds everything where `totalBytes` equals its length. */
  readonly head: Uint8Array;
  /** The stream's end, where bytes between were dropped; else empty. */
  readonly tail: Uint8Array;
  readonly totalBytes: number;
  /** SHA-256 of the whole stream, dropped bytes included. 32 bytes. */
  readonly sha256: Uint8Array;
}

/**
 * Why sandboxd ended a call's processes. `none`: it did not. `starved`: the limit was extended as far as possible, then the
 * command went on once up to `longestMs`, and it still had less than its time, because processes outside this sandbox used
 * the processors.
 */
export type KillReason = 'none' | 'timeout' | 'output' | 'cancelled' | 'starved';

/** What had to be killed. `everything`: all processes but PID 1, so interpreter and background work are lost too. */
export type KillReach = 'none' | 'tree' | 'everything';

/** What happened to the resident interpreter in a python call. */
export type InterpreterFate =
  /** Not a python call, or it keeps running with its state. */
  | 'kept'
  /** It died or was ended during this call; the next call gets a fresh one. */
  | 'lost'
  /** It was lost between calls (killed, stopped), so this call ran in a fresh one: earlier state is gone. */
  | 'replaced';

export interface Ending {
  readonly type: 'exited';
  readonly call: CallNumber;
  /**
   * From wait(2). File work: the worker's, 0 unless it was killed. python: the interpreter's own, or 0 where it keeps
   * running.
   */
  readonly waitStatus: number;
  readonly killReason: KillReason;
  readonly killReach: KillReach;
  readonly interpreter: InterpreterFate;
  /** The interpreter reports that the code ended in an exception. Untrusted: used for the reply, never as evidence. */
  readonly raised: boolean;
  /**
   * 0, or why file work failed, from the worker with the model's rights. EISDIR: a folder; EINVAL: neither file nor folder;
   * EBADMSG: no regular expression; EINTR: the worker was killed.
   */
  readonly errno: number;
  /** CLOCK_BOOTTIME of the host, milliseconds. */
  readonly startedAtMs: number;
  readonly exitedAtMs: number;
  /**
   * Of a call that reached its limit: how long the command was ready to run while processes outside the sandbox used the
   * processors. Threads that may not use every processor of the sandbox do not count.
   */
  readonly starvedMs: number;
  readonly stdout: StreamRecord;
  readonly stderr: StreamRecord;
  /** File bytes, listing, matches, or the interpreter's rich results as JSON. Untrusted: written with the model's rights. */
  readonly payload: Uint8Array;
  readonly before: Counters;
  readonly after: Counters;
}

/** The command never ran. The same work may be started again under a new number. */
export interface StartFailure {
  readonly type: 'start-failed';
  readonly call: CallNumber;
  /**
   * From fork or exec. From sandboxd itself: EINVAL, the work was malformed (a NUL in a string, no program); ENOBUFS, too
   * many calls run or wait for their acknowledgement; EBUSY, the interpreter is busy; EINTR, the model killed the
   * supervisor before it had started the command.
   */
  readonly errno: number;
  /** `fork`: no process could be made; `exec`: the program (shell, interpreter) is missing or broken. */
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
      /** Calls without an ending. Kept endings follow this message, each as a report of its own. */
      readonly running: readonly CallNumber[];
      /** The highest call number ever accepted, 0 for none. Higher numbers were never seen. */
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
  /** The answer to `start` where the ending of the number was acknowledged and dropped. */
  | { readonly type: 'forgotten'; readonly call: CallNumber };
