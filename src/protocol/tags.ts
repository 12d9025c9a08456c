/**
 * The numbers on the wire. `docker/sandboxd/protocol.h` holds the same for sandboxd, and a test compares the two. None of
 * them may change: a controller also talks to sandboxes that an earlier version has started.
 */
import type {
  Command,
  Counters,
  FileFact,
  InterpreterFate,
  KillReach,
  KillReason,
  Report,
  StartFailure,
  Unkept,
  Work,
} from './messages.ts';

export const COMMAND_TYPES = {
  resume: 1,
  start: 2,
  acknowledge: 3,
  cancel: 4,
} as const satisfies Record<Command['type'], number>;

export const REPORT_TYPES = {
  state: 16,
  started: 17,
  'start-failed': 18,
  exited: 19,
  forgotten: 20,
} as const satisfies Record<Report['type'], number>;

export const WORK_KINDS = {
  shell: 1,
  python: 2,
  exec: 3,
  'read-file': 4,
  'write-file': 5,
  'list-files': 6,
  'search-files': 7,
  probe: 8,
} as const satisfies Record<Work['kind'], number>;

export const COMMAND_TAGS = {
  kind: 1,
  timeoutMs: 2,
  keepBytes: 3,
  outputBytes: 4,
  text: 5,
  argument: 6,
  variable: 7,
  directory: 8,
  data: 9,
  path: 10,
  offset: 11,
  length: 12,
  mode: 13,
  depth: 14,
  limit: 15,
  pattern: 16,
  glob: 17,
  homePath: 18,
  asShell: 20,
  longestMs: 40,
} as const;

export const REPORT_TAGS = {
  waitStatus: 1,
  killReason: 2,
  killReach: 3,
  interpreter: 4,
  raised: 5,
  errno: 6,
  startedAtMs: 7,
  exitedAtMs: 8,
  stage: 9,
  before: 10,
  after: 11,
  stdout: 12,
  stderr: 13,
  payload: 14,
  pid: 15,
  version: 20,
  shell: 21,
  python: 22,
  nowMs: 23,
  running: 24,
  lastCall: 25,
  refusedFrames: 26,
  starvedMs: 27,
  order: 28,
  unkept: 29,
  facts: 30,
  beforeMore: 40,
  afterMore: 41,
} as const;

export const KILL_REASONS = {
  none: 0,
  timeout: 1,
  output: 2,
  cancelled: 3,
  starved: 4,
} as const satisfies Record<KillReason, number>;

export const KILL_REACHES = { none: 0, tree: 1, everything: 2 } as const satisfies Record<KillReach, number>;

export const INTERPRETER_FATES = { kept: 0, lost: 1, replaced: 2 } as const satisfies Record<
  InterpreterFate,
  number
>;

export const START_STAGES = { fork: 0, exec: 1 } as const satisfies Record<StartFailure['stage'], number>;

export const UNKEPT_KINDS = {
  state: 1,
  variable: 2,
  variables: 3,
  directory: 4,
  'start-directory': 5,
} as const satisfies Record<Unkept['kind'], number>;
/** Numbers of the facts in the field `facts`. */
export const FACTS = {
  sizeBytes: 1,
  atEnd: 2,
  firstLine: 3,
  lines: 4,
  changed: 5,
  type: 6,
  created: 7,
  writtenBytes: 8,
  beforeBytes: 9,
  total: 10,
  uncounted: 11,
  unreadFolders: 12,
  unreadFiles: 13,
  deepFolders: 14,
  systemFolders: 15,
  links: 16,
  searchedFiles: 17,
  utf16Files: 18,
  longLines: 19,
  outOfTime: 20,
  ownProcess: 21,
  restored: 22,
  directoryGone: 23,
} as const satisfies Record<FileFact, number>;

/**
 * Places in the fields of counters: the first `FIRST_COUNTERS` in `before` or `after`, as in 0.1.0, the others in
 * `beforeMore` or `afterMore`, which is absent in reports of 0.1.0.
 */
export const COUNTER_PLACES = {
  oomKills: 0,
  memoryUsageBytes: 1,
  memoryPeakBytes: 2,
  memoryLimitBytes: 3,
  pidsCurrent: 4,
  pidsLimit: 5,
  pidsLimitHits: 6,
  cpuUsageUs: 7,
  cpuThrottledUs: 8,
  cpuThrottledPeriods: 9,
  rootFreeBytes: 10,
  rootFreeInodes: 11,
  memoryLimitHits: 12,
  pidsPeak: 13,
  memoryReachedBytes: 14,
} as const satisfies Record<keyof Counters, number>;

export const FIRST_COUNTERS = 12;
