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
  /**
   * Code for the resident interpreter, started on first use: `asShell` in the shell's directory with its exports, else
   * in the image's. One that runs already keeps its own. sandboxd of 0.1.0 ignores `asShell`.
   */
  | { readonly kind: 'python'; readonly code: string; readonly asShell?: boolean }
  /** A program without a shell: set-up commands and custom tools. Its standard input is `stdin`, then end of file. */
  | {
      readonly kind: 'exec';
      readonly argv: readonly string[];
      readonly env: readonly string[];
      readonly cwd: string | null;
      readonly stdin: Uint8Array;
    }
  /**
   * Reads up to `length` bytes of a regular file from `offset`, into the ending's `payload`. In every kind of file work
   * a relative path starts in the shell's directory, and a leading `~` stands for a home directory.
   */
  | { readonly kind: 'read-file'; readonly path: string; readonly offset: number; readonly length: number }
  /** Writes `data` at `offset`; at offset 0 the file is made (with missing parents) or its content replaced. */
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
  /** Lines that match a regular expression in the regular files below `path`; `docker/sandboxd/README.md` has its notation. */
  | {
      readonly kind: 'search-files';
      readonly path: string;
      readonly pattern: string;
      /** Which files; null: all. With a slash it is matched against paths, else against names. */
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

/** Bytes of each stream. */
export type ReadPoint = readonly [stdout: number, stderr: number];

export interface Unkept {
  /**
   * `state`: the shell ended before it had saved directory and exports, so those from before the command stand.
   * `variable`: one export is too large; `name` is its name. `variables`: no exports could be taken over, those from
   * before stand. `directory`: the shell's directory was removed, the one from before stands. `start-directory`: the
   * directory to start in could not be entered, and the command ran in a parent of it.
   */
  readonly kind: 'state' | 'variable' | 'variables' | 'directory' | 'start-directory';
  /** At most 256 bytes, chosen by the model; empty where there is none. */
  readonly name: string;
}
/** What file work reports beside its payload. Numbers that are 0 may be absent. */
export type FileFact =
  /** read: size of the file, absent where the kernel does not tell it (/proc). write: size afterwards. */
  | 'sizeBytes'
  /** read, 1: the payload ends where the file ends. */
  | 'atEnd'
  /** read, of a part of a file of at most 16 MiB: number of the first line shown, and of the last line of the file. */
  | 'firstLine'
  | 'lines'
  /** read, 1: size or modification time changed meanwhile. */
  | 'changed'
  /** Where the file was not opened: its type, as the code of the letter that a listing has. */
  | 'type'
  /** write: 1, the file was made; bytes written; size before. */
  | 'created'
  | 'writtenBytes'
  | 'beforeBytes'
  /** list, search: entries or lines that match, those for which the answer had no room included. */
  | 'total'
  /** list, search, 1: there may be more than `total`. */
  | 'uncounted'
  /** list, search: folders and files that could not be read. */
  | 'unreadFolders'
  | 'unreadFiles'
  /** list, search: folders that were not opened because they are too deep. */
  | 'deepFolders'
  /** list, search: folders of procfs, sysfs and the like, which were not opened. */
  | 'systemFolders'
  /** search: symbolic links, which are not followed. */
  | 'links'
  | 'searchedFiles'
  /** search: files in UTF-16, which were not searched. */
  | 'utf16Files'
  /** search: lines of more than 1 MiB, of which the beginning was searched. */
  | 'longLines'
  /** list, search, 1: ended early because of the time limit. */
  | 'outOfTime'
  /** 1: refused, the file shows or changes the reading process itself. */
  | 'ownProcess'
  /** write, 1: it failed before anything was changed. */
  | 'restored'
  /** 1: the shell's directory, where the path starts, cannot be entered. */
  | 'directoryGone';

export type FileFacts = Readonly<Partial<Record<FileFact, number>>>;

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
   * EBADMSG: no regular expression or glob, the payload says why; EINTR: the worker was killed.
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
  /**
   * Where sandboxd went from reading one stream to reading the other: how many bytes of each it had read by then, neither
   * ever less than before. What was written closer together than sandboxd wakes up may have been read in another order.
   * The first 1,024 and the last 1,024 changes. Between two points both streams may have grown: then their order is
   * unknown. Absent: sandboxd is of a version that does not report it.
   */
  readonly order?: readonly ReadPoint[];
  /** What the next call does not get of this one. Absent: sandboxd is of a version that does not report it. */
  readonly unkept?: readonly Unkept[];
  /** File bytes, listing, matches, or the interpreter's rich results as JSON. Untrusted: written with the model's rights. */
  readonly payload: Uint8Array;
  /** Of file work. Absent: another kind, no answer of the worker, or a sandboxd of version 0.1.0. Untrusted, too. */
  readonly facts?: FileFacts;
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
