/**
 * Messages to frames and back. The tags are the wire's, the same as in `docker/agent` (work.c, endings.c, main.c).
 * Reading returns null for a frame that is no message: a value of a wrong size, an unknown type, a field missing.
 */
import {
  HEADER_BYTES,
  INSTANCE_BYTES,
  MAX_FRAME_BYTES,
  encodeFrame,
  type Field,
  type Frame,
} from './framing.ts';
import type {
  CallLimits,
  Command,
  Counters,
  Ending,
  InterpreterFate,
  KillReach,
  KillReason,
  Report,
  StartFailure,
  StreamRecord,
  Work,
} from './messages.ts';

/** What a `resume` may carry in place of an instance that is not known yet. */
export const UNKNOWN_INSTANCE = '00'.repeat(INSTANCE_BYTES);
/** Room for the content of a `start`: command, code or data. Split larger files into several writes. */
export const MAX_CONTENT_BYTES = MAX_FRAME_BYTES - 64 * 1024;

const COMMAND_TYPES = { resume: 1, start: 2, acknowledge: 3, cancel: 4 } as const satisfies Record<
  Command['type'],
  number
>;
const REPORT_TYPES = {
  state: 16,
  started: 17,
  'start-failed': 18,
  exited: 19,
  forgotten: 20,
} as const satisfies Record<Report['type'], number>;
const WORK_KINDS = {
  shell: 1,
  python: 2,
  exec: 3,
  'read-file': 4,
  'write-file': 5,
  'list-files': 6,
  'search-files': 7,
  probe: 8,
} as const satisfies Record<Work['kind'], number>;

const TAG = {
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
} as const;

const REPORT_TAG = {
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
} as const;

const KILL_REASONS: readonly KillReason[] = ['none', 'timeout', 'output', 'cancelled'];
const KILL_REACHES: readonly KillReach[] = ['none', 'tree', 'everything'];
const FATES: readonly InterpreterFate[] = ['kept', 'lost', 'replaced'];
const STAGES: readonly StartFailure['stage'][] = ['fork', 'exec'];

/** In the wire's order; `satisfies` keeps the list and the interface the same set. */
const COUNTER_NAMES = Object.keys({
  oomKills: 0,
  memoryUsageBytes: 0,
  memoryPeakBytes: 0,
  memoryLimitBytes: 0,
  pidsCurrent: 0,
  pidsLimit: 0,
  pidsLimitHits: 0,
  cpuUsageUs: 0,
  cpuThrottledUs: 0,
  cpuThrottledPeriods: 0,
  rootFreeBytes: 0,
  rootFreeInodes: 0,
} satisfies Record<keyof Counters, 0>) as readonly (keyof Counters)[];

/** Ready to be written. Throws RangeError where the content does not fit into one frame. */
export function encodeCommand(command: Command, instance: string): Buffer {
  return encodeFrame({
    instance,
    type: COMMAND_TYPES[command.type],
    call: command.type === 'resume' ? 0 : command.call,
    fields: command.type === 'start' ? startFields(command.work, command.limits) : [],
  });
}

/** The agent's side of the wire, for tests and for stand-ins of the agent. */
export function encodeReport(report: Report, instance: string): Buffer {
  return encodeFrame({
    instance,
    type: REPORT_TYPES[report.type],
    call: report.type === 'state' ? 0 : report.call,
    fields: reportFields(report),
  });
}

function number(tag: number, value: number): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(Math.trunc(value)));
  return { tag, value: bytes };
}

function text(tag: number, value: string): Field {
  return { tag, value: Buffer.from(value, 'utf8') };
}

function startFields(work: Work, limits: CallLimits): Field[] {
  return [
    number(TAG.kind, WORK_KINDS[work.kind]),
    number(TAG.timeoutMs, limits.timeoutMs),
    number(TAG.keepBytes, limits.keepBytes),
    number(TAG.outputBytes, limits.outputBytes),
    ...workFields(work),
  ];
}

function workFields(work: Work): Field[] {
  switch (work.kind) {
    case 'shell':
      return [text(TAG.text, work.command)];
    case 'python':
      return [text(TAG.text, work.code)];
    case 'exec':
      return [
        ...work.argv.map((argument) => text(TAG.argument, argument)),
        ...work.env.map((variable) => text(TAG.variable, variable)),
        ...(work.cwd === null ? [] : [text(TAG.directory, work.cwd)]),
        { tag: TAG.data, value: work.stdin },
      ];
    case 'read-file':
      return [text(TAG.path, work.path), number(TAG.offset, work.offset), number(TAG.length, work.length)];
    case 'write-file':
      return [
        text(TAG.path, work.path),
        number(TAG.offset, work.offset),
        number(TAG.mode, work.mode),
        { tag: TAG.data, value: work.data },
      ];
    case 'list-files':
      return [text(TAG.path, work.path), number(TAG.depth, work.depth), number(TAG.limit, work.limit)];
    case 'search-files':
      return [
        text(TAG.path, work.path),
        text(TAG.pattern, work.pattern),
        ...(work.glob === null ? [] : [text(TAG.glob, work.glob)]),
        number(TAG.limit, work.limit),
      ];
    case 'probe':
      return [];
  }
}

function reportFields(report: Report): Field[] {
  switch (report.type) {
    case 'state':
      return [
        text(REPORT_TAG.version, report.version),
        ...(report.shell === null ? [] : [text(REPORT_TAG.shell, report.shell)]),
        ...(report.python === null ? [] : [text(REPORT_TAG.python, report.python)]),
        number(REPORT_TAG.nowMs, report.nowMs),
        { tag: REPORT_TAG.running, value: Buffer.concat(report.running.map(u32)) },
        number(REPORT_TAG.lastCall, report.lastCall),
        number(REPORT_TAG.refusedFrames, report.refusedFrames),
        countersField(REPORT_TAG.before, report.counters),
      ];
    case 'started':
      return [number(REPORT_TAG.startedAtMs, report.startedAtMs), number(REPORT_TAG.pid, report.pid)];
    case 'start-failed':
      return [
        number(REPORT_TAG.killReach, KILL_REACHES.indexOf(report.killReach)),
        number(REPORT_TAG.errno, report.errno),
        number(REPORT_TAG.stage, STAGES.indexOf(report.stage)),
        countersField(REPORT_TAG.before, report.before),
        countersField(REPORT_TAG.after, report.after),
      ];
    case 'exited':
      return endingFields(report);
    case 'forgotten':
      return [];
  }
}

function endingFields(ending: Ending): Field[] {
  return [
    number(REPORT_TAG.waitStatus, ending.waitStatus),
    number(REPORT_TAG.killReason, KILL_REASONS.indexOf(ending.killReason)),
    number(REPORT_TAG.killReach, KILL_REACHES.indexOf(ending.killReach)),
    number(REPORT_TAG.interpreter, FATES.indexOf(ending.interpreter)),
    number(REPORT_TAG.raised, ending.raised ? 1 : 0),
    number(REPORT_TAG.errno, ending.errno),
    number(REPORT_TAG.startedAtMs, ending.startedAtMs),
    number(REPORT_TAG.exitedAtMs, ending.exitedAtMs),
    countersField(REPORT_TAG.before, ending.before),
    countersField(REPORT_TAG.after, ending.after),
    streamField(REPORT_TAG.stdout, ending.stdout),
    streamField(REPORT_TAG.stderr, ending.stderr),
    { tag: REPORT_TAG.payload, value: ending.payload },
  ];
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function countersField(tag: number, counters: Counters): Field {
  return { tag, value: Buffer.concat(COUNTER_NAMES.map((name) => number(0, counters[name]).value)) };
}

function streamField(tag: number, stream: StreamRecord): Field {
  const total = number(0, stream.totalBytes).value;
  return {
    tag,
    value: Buffer.concat([total, stream.sha256, u32(stream.head.length), stream.head, stream.tail]),
  };
}

/** A command and whom it is for, or null. The other direction of `encodeCommand`, for stand-ins of the agent. */
export function decodeCommand(frame: Frame): Command | null {
  return readOrNull(() => readCommand(frame));
}

/** What the agent said, or null for a frame that is no report. */
export function decodeReport(frame: Frame): Report | null {
  return readOrNull(() => readReport(frame));
}

/** Thrown and caught in this file only. */
class Malformed extends Error {}

function readOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

function all(frame: Frame, tag: number): Buffer[] {
  return frame.fields
    .filter((field) => field.tag === tag)
    .map(({ value }) => Buffer.from(value.buffer, value.byteOffset, value.byteLength));
}

function optional(frame: Frame, tag: number): Buffer | null {
  const found = all(frame, tag);
  if (found.length > 1) throw new Malformed();
  return found[0] ?? null;
}

function bytes(frame: Frame, tag: number): Buffer {
  const value = optional(frame, tag);
  if (value === null) throw new Malformed();
  return value;
}

function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -1n) throw new Malformed();
  return Number(value);
}

function numberAt(frame: Frame, tag: number): number {
  const value = bytes(frame, tag);
  if (value.length !== 8) throw new Malformed();
  return safeNumber(value.readBigInt64BE());
}

function chosen<T>(frame: Frame, tag: number, choices: readonly T[]): T {
  const choice = choices[numberAt(frame, tag)];
  if (choice === undefined) throw new Malformed();
  return choice;
}

function string(frame: Frame, tag: number): string {
  return bytes(frame, tag).toString('utf8');
}

function stringOrNull(frame: Frame, tag: number): string | null {
  return optional(frame, tag)?.toString('utf8') ?? null;
}

function countersAt(frame: Frame, tag: number): Counters {
  const value = bytes(frame, tag);
  if (value.length !== 8 * COUNTER_NAMES.length) throw new Malformed();
  const pairs = COUNTER_NAMES.map((name, i) => [name, safeNumber(value.readBigInt64BE(8 * i))] as const);
  return Object.fromEntries(pairs) as Record<keyof Counters, number>;
}

function streamAt(frame: Frame, tag: number): StreamRecord {
  const value = bytes(frame, tag);
  if (value.length < 44) throw new Malformed();
  const headEnd = 44 + value.readUInt32BE(40);
  const totalBytes = safeNumber(value.readBigInt64BE(0));
  if (headEnd > value.length || totalBytes < value.length - 44) throw new Malformed();
  const head = value.subarray(44, headEnd);
  return { head, tail: value.subarray(headEnd), totalBytes, sha256: value.subarray(8, 40) };
}

function runningAt(frame: Frame): number[] {
  const value = bytes(frame, REPORT_TAG.running);
  if (value.length % 4 !== 0) throw new Malformed();
  return Array.from({ length: value.length / 4 }, (_, i) => value.readUInt32BE(4 * i));
}

function readReport(frame: Frame): Report {
  const { call } = frame;
  switch (frame.type) {
    case REPORT_TYPES.state:
      return readState(frame);
    case REPORT_TYPES.started:
      return {
        type: 'started',
        call,
        pid: numberAt(frame, REPORT_TAG.pid),
        startedAtMs: numberAt(frame, REPORT_TAG.startedAtMs),
      };
    case REPORT_TYPES['start-failed']:
      return {
        type: 'start-failed',
        call,
        errno: numberAt(frame, REPORT_TAG.errno),
        stage: chosen(frame, REPORT_TAG.stage, STAGES),
        killReach: chosen(frame, REPORT_TAG.killReach, KILL_REACHES),
        before: countersAt(frame, REPORT_TAG.before),
        after: countersAt(frame, REPORT_TAG.after),
      };
    case REPORT_TYPES.exited:
      return readEnding(frame);
    case REPORT_TYPES.forgotten:
      return { type: 'forgotten', call };
    default:
      throw new Malformed();
  }
}

function readState(frame: Frame): Report {
  return {
    type: 'state',
    instance: frame.instance,
    version: string(frame, REPORT_TAG.version),
    shell: stringOrNull(frame, REPORT_TAG.shell),
    python: stringOrNull(frame, REPORT_TAG.python),
    nowMs: numberAt(frame, REPORT_TAG.nowMs),
    running: runningAt(frame),
    lastCall: numberAt(frame, REPORT_TAG.lastCall),
    refusedFrames: numberAt(frame, REPORT_TAG.refusedFrames),
    counters: countersAt(frame, REPORT_TAG.before),
  };
}

function readEnding(frame: Frame): Ending {
  return {
    type: 'exited',
    call: frame.call,
    waitStatus: numberAt(frame, REPORT_TAG.waitStatus),
    killReason: chosen(frame, REPORT_TAG.killReason, KILL_REASONS),
    killReach: chosen(frame, REPORT_TAG.killReach, KILL_REACHES),
    interpreter: chosen(frame, REPORT_TAG.interpreter, FATES),
    raised: numberAt(frame, REPORT_TAG.raised) === 1,
    errno: numberAt(frame, REPORT_TAG.errno),
    startedAtMs: numberAt(frame, REPORT_TAG.startedAtMs),
    exitedAtMs: numberAt(frame, REPORT_TAG.exitedAtMs),
    stdout: streamAt(frame, REPORT_TAG.stdout),
    stderr: streamAt(frame, REPORT_TAG.stderr),
    payload: bytes(frame, REPORT_TAG.payload),
    before: countersAt(frame, REPORT_TAG.before),
    after: countersAt(frame, REPORT_TAG.after),
  };
}

function readCommand(frame: Frame): Command {
  const { call } = frame;
  switch (frame.type) {
    case COMMAND_TYPES.resume:
      return { type: 'resume' };
    case COMMAND_TYPES.start:
      return { type: 'start', call, work: readWork(frame), limits: readLimits(frame) };
    case COMMAND_TYPES.acknowledge:
      return { type: 'acknowledge', call };
    case COMMAND_TYPES.cancel:
      return { type: 'cancel', call };
    default:
      throw new Malformed();
  }
}

function readLimits(frame: Frame): CallLimits {
  return {
    timeoutMs: numberAt(frame, TAG.timeoutMs),
    keepBytes: numberAt(frame, TAG.keepBytes),
    outputBytes: numberAt(frame, TAG.outputBytes),
  };
}

function readWork(frame: Frame): Work {
  switch (numberAt(frame, TAG.kind)) {
    case WORK_KINDS.shell:
      return { kind: 'shell', command: string(frame, TAG.text) };
    case WORK_KINDS.python:
      return { kind: 'python', code: string(frame, TAG.text) };
    case WORK_KINDS.exec:
      return {
        kind: 'exec',
        argv: all(frame, TAG.argument).map((value) => value.toString('utf8')),
        env: all(frame, TAG.variable).map((value) => value.toString('utf8')),
        cwd: stringOrNull(frame, TAG.directory),
        stdin: bytes(frame, TAG.data),
      };
    case WORK_KINDS['read-file']:
      return {
        kind: 'read-file',
        path: string(frame, TAG.path),
        offset: numberAt(frame, TAG.offset),
        length: numberAt(frame, TAG.length),
      };
    case WORK_KINDS['write-file']:
      return {
        kind: 'write-file',
        path: string(frame, TAG.path),
        offset: numberAt(frame, TAG.offset),
        data: bytes(frame, TAG.data),
        mode: numberAt(frame, TAG.mode),
      };
    case WORK_KINDS['list-files']:
      return {
        kind: 'list-files',
        path: string(frame, TAG.path),
        depth: numberAt(frame, TAG.depth),
        limit: numberAt(frame, TAG.limit),
      };
    case WORK_KINDS['search-files']:
      return {
        kind: 'search-files',
        path: string(frame, TAG.path),
        pattern: string(frame, TAG.pattern),
        glob: stringOrNull(frame, TAG.glob),
        limit: numberAt(frame, TAG.limit),
      };
    case WORK_KINDS.probe:
      return { kind: 'probe' };
    default:
      throw new Malformed();
  }
}
